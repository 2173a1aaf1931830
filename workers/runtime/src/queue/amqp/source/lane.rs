use std::sync::Arc;

use lapin::{Channel, Connection};

/// An open channel; it closes when nobody keeps it. Deliveries do, since they can be settled nowhere else.
pub(in crate::queue::amqp) struct Lane {
    pub(super) _connection: Arc<Connection>,
    pub(super) channel: Channel,
}
