//! The optional OpenAI-compatible chat and vision endpoint, with limits and checks.
