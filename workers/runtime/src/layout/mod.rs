//! What lies where: the keys and documents of jobs in a store, and the folders of processes on a worker's disk.
//!
//! Everything here takes a [`Store`](crate::store::Store) or a path and knows neither queues nor recipes.

pub(crate) mod addresses;
pub(crate) mod documents;
pub(crate) mod ends;
pub(crate) mod identity;
pub(crate) mod keys;
pub(crate) mod orphans;
pub(crate) mod removal;
pub(crate) mod shares;
pub(crate) mod uploads;
