//! How good a call is, estimated (ITU-T G.107, simplified as in Cole and Rosenbluth's reading of it).

use std::time::Duration;

/// What a default call has when nothing spoils it (G.107 §7.7).
const BEST: f64 = 93.2;
/// Robustness of G.711 with concealment against random loss (G.113, Appendix I: Bpl).
const ROBUSTNESS: f64 = 25.1;

/// The rating factor R, 0 to 93.2: `loss` is the share of packets that were not played, `delay` that from mouth to
/// ear.
pub fn rating(loss: f64, delay: Duration) -> f64 {
    let d = delay.as_secs_f64() * 1e3;
    // Beyond 177.3 ms two who talk begin to interrupt each other.
    let delay_impairment = 0.024 * d + if d > 177.3 { 0.11 * (d - 177.3) } else { 0.0 };
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    let loss_impairment = 95.0 * percent / (percent + ROBUSTNESS);
    (BEST - delay_impairment - loss_impairment).clamp(0.0, 100.0)
}

/// The mean opinion score of a rating, 1 to 4.5 (G.107 Annex B).
pub fn opinion(rating: f64) -> f64 {
    let r = rating.clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_as_good_as_the_tables_say() {
        // G.107 Annex B: R = 93.2 is 4.41; R = 50 is 2.58.
        assert!((opinion(rating(0.0, Duration::ZERO)) - 4.41).abs() < 0.01);
        assert!((opinion(50.0) - 2.575).abs() < 0.01);
        assert_eq!((opinion(-5.0), opinion(1000.0)), (1.0, 4.5));
        let worse = [0.0, 0.01, 0.05, 0.2, 1.0].map(|loss| rating(loss, Duration::from_millis(50)));
        assert!(worse.is_sorted_by(|one, next| one > next));
        assert!(rating(0.0, Duration::from_secs(1)) < rating(0.0, Duration::from_millis(150)) - 50.0);
    }
}
