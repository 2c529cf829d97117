//! Derived keys. RFC 3961 5.1 (DK, DR, n-fold).

use super::aes_cts::AesKey;
use super::{BLOCK, Key};
use zeroize::Zeroize;

/// Fills `out` with DK(key, constant).
pub(super) fn derive(key: &Key, constant: &[u8], out: &mut [u8]) {
    let aes = AesKey::new(key);
    let mut block = n_fold(constant);
    for chunk in out.chunks_mut(BLOCK) {
        aes.encrypt_block(&mut block);
        chunk.iter_mut().zip(block).for_each(|(to, from)| *to = from);
    }
    block.zeroize();
}

/// Stretches or folds `input` to one block: as many copies as fill both lengths, each rotated to the right by thirteen bits more than the
/// one before, cut into pieces of the block's length and added up with end-around carry.
pub(super) fn n_fold<const N: usize>(input: &[u8]) -> [u8; N] {
    let mut sums = [0u32; N];
    let bits = input.len() * 8;
    if bits == 0 {
        return [0; N];
    }
    for at in 0..lcm(N, input.len()) {
        let (copy, byte) = (at / input.len(), at % input.len());
        // The bit of the input with which this byte of the rotated copy begins.
        let start = (byte * 8 + bits - (13 * copy) % bits) % bits;
        let of = |i: usize| u32::from(input.get(i % input.len()).copied().unwrap_or_default());
        let pair = of(start / 8) << 8 | of(start / 8 + 1);
        if let Some(sum) = sums.get_mut(at % N) {
            *sum += pair << (start % 8) >> 8 & 0xff;
        }
    }
    let mut out = [0; N];
    let mut carry = 0;
    // Twice around: the carry out of the first byte goes into the last.
    for _ in 0..2 {
        for (place, sum) in out.iter_mut().zip(&mut sums).rev() {
            let total = *sum + carry;
            (*sum, carry) = (total & 0xff, total >> 8);
            *place = (total & 0xff) as u8;
        }
    }
    out
}

fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}
