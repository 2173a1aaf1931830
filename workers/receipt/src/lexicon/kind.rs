//! The kinds of amounts and of payment.

/// The kind of an amount, by the words beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AmountKind {
    /// A number that is not money of this sale: counts, points, averages, savings.
    Other,
    Rounding,
    /// The total after rounding.
    RoundedTotal,
    Change,
    Service,
    Tip,
    Discount,
    Subtotal,
    /// A total that is named as the final one: grand, net, payable.
    GrandTotal,
    Tax,
    /// Paid by this method.
    Paid(PaymentMethod),
    Total,
}

/// How a receipt was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PaymentMethod {
    Cash,
    Card,
    Wallet,
    /// The word does not say how it was paid.
    Unnamed,
}

impl PaymentMethod {
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Cash => Some("cash"),
            Self::Card => Some("card"),
            Self::Wallet => Some("wallet"),
            Self::Unnamed => None,
        }
    }
}
