//! domains.txt: text to entries and diagnostics with line and column.
