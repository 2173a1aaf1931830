//! What a command line or a gateway does with jobs: submits them, sees where they stand, takes them back.

pub(crate) mod artifacts;
pub(crate) mod dead_letters;
pub(crate) mod folders;
pub(crate) mod inputs;
pub(crate) mod jobs;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod trim;
