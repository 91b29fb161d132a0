//! bf16 as its bits.

/// The float of bf16 bits.
pub fn widen(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The nearest bf16 of a finite value, ties to even: the two neighbours are tried.
pub fn narrow(value: f64) -> u16 {
    let below = ((value as f32).to_bits() >> 16) as u16;
    let distance = |bits: u16| (f64::from(widen(bits)) - value).abs();
    let candidates = [below.wrapping_sub(1), below, below.wrapping_add(1)];
    let finite = candidates.into_iter().filter(|&bits| widen(bits).is_finite());
    finite.min_by(|&a, &b| distance(a).total_cmp(&distance(b)).then((a & 1).cmp(&(b & 1)))).unwrap_or(below)
}
