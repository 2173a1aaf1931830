/// The value below which this share of the values lies.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len().saturating_sub(1)) as f64 * share;
    let (low, part) = (at as usize, at.fract());
    match sorted.get(low..) {
        Some([a, b, ..]) => a + part * (b - a),
        Some([a]) => *a,
        _ => 0.0,
    }
}
