//! The kind `library`: a folder, archive, prefix or list of images as one data set.
