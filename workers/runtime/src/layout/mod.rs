//! What lies where: the keys and documents of jobs in a store, and the folders of processes on a worker's disk.

pub(crate) mod addresses;
pub(crate) mod documents;
pub(crate) mod identity;
pub(crate) mod keys;
pub(crate) mod orphans;
pub(crate) mod shares;
