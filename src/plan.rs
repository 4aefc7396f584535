//! What is declared, stored and known, against now: what to do, and why.
