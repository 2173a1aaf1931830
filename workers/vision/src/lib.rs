//! What several kinds see with: text lines, faces, face mesh, body pose.
pub mod text;
