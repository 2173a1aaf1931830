//! The contract of a kind of work: Worker, Recipe, StepContext, StepError; the traits Queue and Store.
