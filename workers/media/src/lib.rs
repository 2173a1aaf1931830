//! Decode and encode of audio, images and video, with limits against hostile input.
