//! Where steps wait: an SQLite file on one machine, RabbitMQ for a fleet. Both pass `tests/conformance_queue.rs`.
