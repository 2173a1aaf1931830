//! Where objects lie: a folder on one machine, S3 for a fleet. Both pass `tests/conformance_store.rs`.
