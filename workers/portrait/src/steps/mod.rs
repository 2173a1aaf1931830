//! The code of each step: script (read the script), prepare (find the face, plan the movement), render (at most ten seconds of
//! film each, side by side), join (sixty-four films into one), mux (film and sound into the finished file).

pub(crate) mod mux;
pub(crate) mod prepare;
pub(crate) mod render;
pub(crate) mod script;
