//! Speech to text.
