//! What a root key says about Diffie-Hellman key agreement, for the public-key variant of its keys. MS-GKDI 2.2.2.

/// The prime of the 2048-bit group with a 256-bit subgroup, in hexadecimal. RFC 5114 2.3.
const PRIME: [&str; 8] = [
    "87A8E61DB4B6663CFFBBD19C651959998CEEF608660DD0F25D2CEED4435E3B00",
    "E00DF8F1D61957D4FAF7DF4561B2AA3016C3D91134096FAA3BF4296D830E9A7C",
    "209E0C6497517ABD5A8A9D306BCF67ED91F9E6725B4758C022E0B1EF4275BF7B",
    "6C5BFC11D45F9088B941F54EB1E59BB8BC39A0BF12307F5C4FDB70C581B23F76",
    "B63ACAE1CAA6B7902D52526735488A0EF13C6D9A51BFA4AB3AD8347796524D8E",
    "F6A167B5A41825D967E144E5140564251CCACB83E6B486F6B3CA3F7971506026",
    "C0B857F689962856DED4010ABD0BE621C3A3960A54E710C375F26375D7014103",
    "A4B54330C198AF126116D2276E11715F693877FAD7EF09CADB094AE91E1A1597",
];
/// Its generator.
const GENERATOR: [&str; 8] = [
    "3FB32C9B73134D0B2E77506660EDBD484CA7B18F21EF205407F4793A1A0BA125",
    "10DBC15077BE463FFF4FED4AAC0BB555BE3A6C1B0C6B47B1BC3773BF7E8C6F62",
    "901228F8C28CBB18A55AE31341000A650196F931C77A57F2DDF463E5E9EC144B",
    "777DE62AAAB8A8628AC376D282D6ED3864E67982428EBC831D14348F6F2F9193",
    "B5045AF2767164E1DFC967C1FB3F2E55A4BD1BFFE83B9C80D052B985D182EA0A",
    "DB2A3B7313D3FE14C8484B1E052588B9B7D2BBD2DF016199ECD06E1557CD0915",
    "B3353BBB64E0EC377FD028370DF92B52C7891428CDC67EB6184B523D1DB246C3",
    "2F63078490F00EF8D647D148D47954515E2327CFEF98C582664B4C0F6CC41659",
];
/// The bytes of either.
const LENGTH: u32 = 256;

/// `msKds-SecretAgreementParam` of Windows' own root keys: length, magic number, field length, prime, generator.
#[must_use]
pub fn secret_agreement_parameters() -> Vec<u8> {
    let mut out = Vec::with_capacity(12 + 512);
    for number in [12 + 2 * LENGTH, u32::from_le_bytes(*b"DHPM"), LENGTH] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
    for line in PRIME.iter().chain(&GENERATOR) {
        out.extend(line.as_bytes().as_chunks::<2>().0.iter().map(|[high, low]| (digit(*high) << 4) | digit(*low)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_have_the_length_that_they_say_and_both_numbers() {
        let parameters = secret_agreement_parameters();
        assert_eq!(parameters.len(), 524);
        assert_eq!(hex::encode(&parameters[..20]), "0c0200004448504d0001000087a8e61db4b6663c");
        assert_eq!(hex::encode(&parameters[268..276]), "3fb32c9b73134d0b");
    }
}
