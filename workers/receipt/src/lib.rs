//! Receipt OCR.
