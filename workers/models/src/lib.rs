//! The model registry, the verified cache, inference sessions.
