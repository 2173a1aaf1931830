//! Implements the contract: queues, stores, the life of a step, compute children, metrics.

mod identity;
pub mod queue;
pub mod store;
