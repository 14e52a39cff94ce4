//! A checksum over rows that does not depend on their order.

use std::fmt;

use sha2::{Digest, Sha256};

use super::Values;
use crate::statement::Value;

/// The sum of a hash of each row. Rows that are missing, there twice, or changed in one bit make another sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum([u64; 4]);

impl Sum {
    /// Adds a row.
    pub(crate) fn add(&mut self, row: &Values) {
        let mut hash = Sha256::new();
        for value in row {
            match value {
                Value::Null | Value::CommitTime => hash.update([0]),
                Value::Integer(value) => hash.update([[1].as_slice(), &value.to_le_bytes()].concat()),
                Value::Real(value) => hash.update([[2].as_slice(), &value.to_bits().to_le_bytes()].concat()),
                Value::Text(text) => {
                    hash.update([[3].as_slice(), &(text.len() as u64).to_le_bytes()].concat());
                    hash.update(text.as_bytes());
                }
            }
        }
        let bytes: [u8; 32] = hash.finalize().into();
        for (lane, part) in self.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *lane = lane.wrapping_add(u64::from_le_bytes(*part));
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|lane| write!(f, "{lane:016x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::args;

    fn sum(rows: &[Values]) -> Sum {
        let mut sum = Sum::default();
        rows.iter().for_each(|row| sum.add(row));
        sum
    }

    #[test]
    fn the_order_of_rows_does_not_count_and_everything_else_does() {
        let rows = [args!["a", 1_i64], args!["b", 2_i64], args![Value::Null, 0.5]];
        let mut turned = rows.clone();
        turned.reverse();
        assert_eq!(sum(&rows), sum(&turned));
        for other in [
            vec![args!["a", 1_i64], args!["b", 2_i64]],
            vec![args!["a", 2_i64], args!["b", 1_i64], args![Value::Null, 0.5]],
            vec![args!["a", 1_i64], args!["b", 2_i64], args!["", 0.5]],
            vec![args!["a", 1_i64], args!["b", 2_i64], args![0_i64, 0.5]],
            vec![args!["a", 1_i64], args!["b", 2_i64], args![Value::Null, 0.5], args![Value::Null, 0.5]],
        ] {
            assert_ne!(sum(&rows), sum(&other), "{other:?}");
        }
        assert_ne!(sum(&[args!["ab", "c"]]), sum(&[args!["a", "bc"]]));
    }
}
