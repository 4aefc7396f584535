//! Where certificates, accounts and state live.
