//! Implements the contract: queues, stores, the life of a step, compute children, metrics.

<<<<<<< HEAD
=======
mod identity;
>>>>>>> backends
pub mod queue;
pub mod store;
