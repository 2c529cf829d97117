//! Every Kerberos message: what decodes encodes, and decodes to the same again.
#![no_main]

use kerberos::messages::*;

macro_rules! round_trip {
    ($bytes:expr, $($message:ty),*) => { $(
        if let Ok(message) = <$message>::decode($bytes) {
            let again = <$message>::decode(&message.encode()).expect("what was encoded can be decoded");
            assert!(again.encode() == message.encode());
        }
    )* };
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    round_trip!(bytes, AsReq, TgsReq, ApReq, ApRep, Authenticator, KrbError, Ticket, EncTicketPart, EncApRepPart);
    let _ = (AsRep::decode(bytes), TgsRep::decode(bytes));
    let _ = (
        decode_method_data(bytes),
        decode_etype_info2(bytes),
        decode_pa_enc_timestamp(bytes),
        decode_pac_request(bytes),
    );
    let _ = body_of(bytes);
});
