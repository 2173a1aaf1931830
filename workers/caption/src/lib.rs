//! CLIP captioning and image libraries.
