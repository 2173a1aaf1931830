//! Body pose of several people.
