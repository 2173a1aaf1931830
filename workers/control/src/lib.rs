//! ControlNet annotators.
