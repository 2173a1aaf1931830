/// How the cosines of an image and its labels become probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scoring {
    /// One label is right: the softmax of cosines times `scale`.
    Softmax { scale: f32 },
    /// Each label is right or not, whatever the others are: the sigmoid of cosine times `scale` plus `bias`.
    Sigmoid { scale: f32, bias: f32 },
}

impl Scoring {
    /// Logits divided by `temperature`: above 1 is less sure.
    #[must_use]
    pub fn at_temperature(self, temperature: f32) -> Self {
        match self {
            Self::Softmax { scale } => Self::Softmax { scale: scale / temperature },
            Self::Sigmoid { scale, bias } => Self::Sigmoid { scale: scale / temperature, bias: bias / temperature },
        }
    }

    /// With the scale and bias of another model of the family, where they are given. A softmax has no bias.
    #[must_use]
    pub fn with(self, other_scale: Option<f32>, other_bias: Option<f32>) -> Self {
        match self {
            Self::Softmax { scale } => Self::Softmax { scale: other_scale.unwrap_or(scale) },
            Self::Sigmoid { scale, bias } => {
                Self::Sigmoid { scale: other_scale.unwrap_or(scale), bias: other_bias.unwrap_or(bias) }
            }
        }
    }

    /// A probability for each cosine.
    pub fn probabilities(self, cosines: &[f32]) -> Vec<f32> {
        match self {
            Self::Sigmoid { scale, bias } => {
                cosines.iter().map(|cosine| 1.0 / (1.0 + (-(cosine * scale + bias)).exp())).collect()
            }
            Self::Softmax { scale } => {
                let highest = cosines.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let odds: Vec<f32> = cosines.iter().map(|cosine| ((cosine - highest) * scale).exp()).collect();
                let sum: f32 = odds.iter().sum();
                odds.into_iter().map(|odds| odds / sum).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: &[f32], wanted: &[f32]) -> bool {
        found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn a_softmax_shares_and_a_sigmoid_judges_each_alone() {
        let softmax = Scoring::Softmax { scale: 2.0 };
        let sum = 1.0 + (-2.0_f32).exp();
        assert!(near(&softmax.probabilities(&[1.0, 0.0]), &[1.0 / sum, (-2.0_f32).exp() / sum]));
        let sigmoid = Scoring::Sigmoid { scale: 10.0, bias: -5.0 };
        assert!(near(&sigmoid.probabilities(&[0.5, 1.0]), &[0.5, 1.0 / (1.0 + (-5.0_f32).exp())]));
        assert_eq!(sigmoid.probabilities(&[0.5, 1.0])[0], sigmoid.probabilities(&[0.5])[0]);
        // Far out, neither is NaN.
        assert_eq!(Scoring::Softmax { scale: 1e4 }.probabilities(&[1.0, -1.0]), [1.0, 0.0]);
        assert_eq!(Scoring::Sigmoid { scale: 1e4, bias: 0.0 }.probabilities(&[1.0, -1.0]), [1.0, 0.0]);
    }

    #[test]
    fn a_high_temperature_is_less_sure() {
        let sigmoid = Scoring::Sigmoid { scale: 10.0, bias: -4.0 }.at_temperature(2.0);
        assert_eq!(sigmoid, Scoring::Sigmoid { scale: 5.0, bias: -2.0 });
        assert_eq!(Scoring::Softmax { scale: 100.0 }.at_temperature(2.0), Scoring::Softmax { scale: 50.0 });
        assert_eq!(sigmoid.with(None, Some(-1.0)), Scoring::Sigmoid { scale: 5.0, bias: -1.0 });
        assert_eq!(Scoring::Softmax { scale: 1.0 }.with(Some(3.0), Some(9.0)), Scoring::Softmax { scale: 3.0 });
    }
}
