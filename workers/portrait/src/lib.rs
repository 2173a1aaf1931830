//! A portrait that speaks.
