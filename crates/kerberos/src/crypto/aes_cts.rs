//! AES in CBC mode with ciphertext stealing, and a zero IV. RFC 3962 5.

use super::{BLOCK, Etype, Key};
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};

/// A key schedule.
pub(super) enum AesKey {
    Short(Box<Aes128>),
    Long(Box<Aes256>),
}

type Block = [u8; BLOCK];

impl AesKey {
    pub(super) fn new(key: &Key) -> Self {
        let mut short = [0; 16];
        short.iter_mut().zip(&key.bytes).for_each(|(to, from)| *to = *from);
        match key.etype {
            Etype::Aes128 => Self::Short(Box::new(Aes128::new(&Array::from(short)))),
            Etype::Aes256 => Self::Long(Box::new(Aes256::new(&Array::from(key.bytes)))),
        }
    }

    pub(super) fn encrypt_block(&self, block: &mut Block) {
        let mut array = Array::from(*block);
        match self {
            Self::Short(aes) => aes.encrypt_block(&mut array),
            Self::Long(aes) => aes.encrypt_block(&mut array),
        }
        *block = array.into();
    }

    fn decrypt_block(&self, block: &mut Block) {
        let mut array = Array::from(*block);
        match self {
            Self::Short(aes) => aes.decrypt_block(&mut array),
            Self::Long(aes) => aes.decrypt_block(&mut array),
        }
        *block = array.into();
    }

    /// Encrypts at least one block in place. The last two blocks change places, the last one cut to the length of the plaintext's.
    pub(super) fn encrypt(&self, data: &mut [u8]) {
        let mut previous = [0; BLOCK];
        let mut before = [0; BLOCK];
        let full = data.len().div_ceil(BLOCK);
        for chunk in data.chunks_mut(BLOCK) {
            before = previous;
            // A short last block is padded with zeros: the XOR leaves the rest of the previous block as it is.
            previous.iter_mut().zip(chunk.iter()).for_each(|(c, p)| *c ^= *p);
            self.encrypt_block(&mut previous);
            chunk.iter_mut().zip(previous).for_each(|(to, from)| *to = from);
        }
        if full > 1 {
            let start = (full - 2) * BLOCK;
            let tail = data.iter_mut().skip(start);
            tail.zip(previous.into_iter().chain(before)).for_each(|(to, from)| *to = from);
        }
    }

    /// The inverse of [`AesKey::encrypt`].
    pub(super) fn decrypt(&self, data: &mut [u8]) {
        let full = data.len().div_ceil(BLOCK);
        if full <= 1 {
            data.as_chunks_mut::<BLOCK>().0.iter_mut().for_each(|block| self.decrypt_block(block));
            return;
        }
        let head = (full - 2) * BLOCK;
        let (body, tail) = data.split_at_mut(head);
        let mut previous = [0; BLOCK];
        for block in body.as_chunks_mut::<BLOCK>().0 {
            let cipher = *block;
            self.decrypt_block(block);
            block.iter_mut().zip(previous).for_each(|(p, c)| *p ^= c);
            previous = cipher;
        }
        self.decrypt_tail(tail, previous);
    }

    /// The last two blocks: the first of them decrypts to the last plaintext block and the stolen end of the other's ciphertext.
    fn decrypt_tail(&self, tail: &mut [u8], previous: Block) {
        let (first, last) = tail.split_at_mut(BLOCK);
        let mut swapped = [0; BLOCK];
        swapped.iter_mut().zip(first.iter()).for_each(|(to, from)| *to = *from);
        self.decrypt_block(&mut swapped);
        let mut stolen = swapped;
        stolen.iter_mut().zip(last.iter()).for_each(|(to, from)| *to = *from);
        last.iter_mut().zip(swapped).for_each(|(cipher, plain)| *cipher ^= plain);
        self.decrypt_block(&mut stolen);
        first.iter_mut().zip(stolen.iter().zip(previous)).for_each(|(to, (plain, c))| *to = *plain ^ c);
    }
}
