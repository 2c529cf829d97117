//! The numbers of RFC 4120 7.5 and MS-KILE 2.2.

/// What a key is used for. RFC 4120 7.5.1.
pub mod usage {
    /// PA-ENC-TIMESTAMP.
    pub const PA_ENC_TIMESTAMP: u32 = 1;
    /// A ticket, under the service's key.
    pub const TICKET: u32 = 2;
    /// The encrypted part of an AS answer.
    pub const AS_REP_ENC_PART: u32 = 3;
    /// Authorization data in a TGS request, under the session key.
    pub const TGS_REQ_AUTH_DATA_SESSION: u32 = 4;
    /// The same, under the authenticator's subkey.
    pub const TGS_REQ_AUTH_DATA_SUBKEY: u32 = 5;
    /// The checksum over a TGS request's body.
    pub const TGS_REQ_CHECKSUM: u32 = 6;
    /// The authenticator of a TGS request.
    pub const TGS_REQ_AUTHENTICATOR: u32 = 7;
    /// The encrypted part of a TGS answer, under the session key.
    pub const TGS_REP_ENC_PART_SESSION: u32 = 8;
    /// The same, under the authenticator's subkey.
    pub const TGS_REP_ENC_PART_SUBKEY: u32 = 9;
    /// The checksum in an authenticator.
    pub const AP_REQ_CHECKSUM: u32 = 10;
    /// The authenticator of an AP request.
    pub const AP_REQ_AUTHENTICATOR: u32 = 11;
    /// The encrypted part of an AP answer.
    pub const AP_REP_ENC_PART: u32 = 12;
    /// The encrypted part of KRB-PRIV.
    pub const KRB_PRIV: u32 = 13;
    /// Checksums in a PAC. MS-PAC 2.8.
    pub const PAC_CHECKSUM: u32 = 17;
    /// The checksum over an AS request in its answer. RFC 6806 11.
    pub const AS_REQ_CHECKSUM: u32 = 56;
}

/// Kinds of pre-authentication data. RFC 4120 7.5.2.
pub mod pa {
    /// The AP request in a TGS request.
    pub const TGS_REQ: i32 = 1;
    /// The encrypted timestamp.
    pub const ENC_TIMESTAMP: i32 = 2;
    /// How passwords become keys.
    pub const ETYPE_INFO2: i32 = 19;
    /// Whether a PAC is wanted. MS-KILE 2.2.3.
    pub const PAC_REQUEST: i32 = 128;
    /// What the sender can do. MS-KILE 2.2.8, in encrypted padata.
    pub const SUPPORTED_ENCTYPES: i32 = 165;
    /// MS-KILE 2.2.10.
    pub const PAC_OPTIONS: i32 = 167;
    /// RFC 6806 11.
    pub const REQ_ENC_PA_REP: i32 = 149;
}

macro_rules! codes {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        /// Why something is refused. RFC 4120 7.5.9.
        pub mod code {
            $(#[doc = concat!("`", $text, "`.")] pub const $name: i32 = $value;)*

            /// The name RFC 4120 gives it.
            #[must_use]
            pub const fn name(code: i32) -> &'static str {
                match code { $($value => $text,)* _ => "an error without a name" }
            }
        }
    };
}

codes! {
    NAME_EXP = 1, "KDC_ERR_NAME_EXP";
    SERVICE_EXP = 2, "KDC_ERR_SERVICE_EXP";
    BAD_PVNO = 3, "KDC_ERR_BAD_PVNO";
    C_PRINCIPAL_UNKNOWN = 6, "KDC_ERR_C_PRINCIPAL_UNKNOWN";
    S_PRINCIPAL_UNKNOWN = 7, "KDC_ERR_S_PRINCIPAL_UNKNOWN";
    PRINCIPAL_NOT_UNIQUE = 8, "KDC_ERR_PRINCIPAL_NOT_UNIQUE";
    NULL_KEY = 9, "KDC_ERR_NULL_KEY";
    CANNOT_POSTDATE = 10, "KDC_ERR_CANNOT_POSTDATE";
    NEVER_VALID = 11, "KDC_ERR_NEVER_VALID";
    POLICY = 12, "KDC_ERR_POLICY";
    BADOPTION = 13, "KDC_ERR_BADOPTION";
    ETYPE_NOSUPP = 14, "KDC_ERR_ETYPE_NOSUPP";
    SUMTYPE_NOSUPP = 15, "KDC_ERR_SUMTYPE_NOSUPP";
    PADATA_TYPE_NOSUPP = 16, "KDC_ERR_PADATA_TYPE_NOSUPP";
    CLIENT_REVOKED = 18, "KDC_ERR_CLIENT_REVOKED";
    SERVICE_REVOKED = 19, "KDC_ERR_SERVICE_REVOKED";
    TGT_REVOKED = 20, "KDC_ERR_TGT_REVOKED";
    KEY_EXPIRED = 23, "KDC_ERR_KEY_EXPIRED";
    PREAUTH_FAILED = 24, "KDC_ERR_PREAUTH_FAILED";
    PREAUTH_REQUIRED = 25, "KDC_ERR_PREAUTH_REQUIRED";
    SERVER_NOMATCH = 26, "KDC_ERR_SERVER_NOMATCH";
    MUST_USE_USER2USER = 27, "KDC_ERR_MUST_USE_USER2USER";
    SVC_UNAVAILABLE = 29, "KDC_ERR_SVC_UNAVAILABLE";
    BAD_INTEGRITY = 31, "KRB_AP_ERR_BAD_INTEGRITY";
    TKT_EXPIRED = 32, "KRB_AP_ERR_TKT_EXPIRED";
    TKT_NYV = 33, "KRB_AP_ERR_TKT_NYV";
    REPEAT = 34, "KRB_AP_ERR_REPEAT";
    NOT_US = 35, "KRB_AP_ERR_NOT_US";
    BADMATCH = 36, "KRB_AP_ERR_BADMATCH";
    SKEW = 37, "KRB_AP_ERR_SKEW";
    BADVERSION = 39, "KRB_AP_ERR_BADVERSION";
    MSG_TYPE = 40, "KRB_AP_ERR_MSG_TYPE";
    MODIFIED = 41, "KRB_AP_ERR_MODIFIED";
    BADKEYVER = 44, "KRB_AP_ERR_BADKEYVER";
    NOKEY = 45, "KRB_AP_ERR_NOKEY";
    INAPP_CKSUM = 50, "KRB_AP_ERR_INAPP_CKSUM";
    RESPONSE_TOO_BIG = 52, "KRB_ERR_RESPONSE_TOO_BIG";
    GENERIC = 60, "KRB_ERR_GENERIC";
    FIELD_TOOLONG = 61, "KRB_ERR_FIELD_TOOLONG";
    WRONG_REALM = 68, "KDC_ERR_WRONG_REALM";
}

/// What a KDC is asked to do. RFC 4120 5.4.1.
pub mod kdc_options {
    /// The ticket may be forwarded.
    pub const FORWARDABLE: u32 = 1 << 30;
    /// A forwarded ticket is asked for.
    pub const FORWARDED: u32 = 1 << 29;
    /// The ticket may be used by proxies.
    pub const PROXIABLE: u32 = 1 << 28;
    /// A proxy's ticket is asked for.
    pub const PROXY: u32 = 1 << 27;
    /// The ticket may be postdated.
    pub const ALLOW_POSTDATE: u32 = 1 << 26;
    /// A postdated ticket is asked for.
    pub const POSTDATED: u32 = 1 << 25;
    /// The ticket may be renewed.
    pub const RENEWABLE: u32 = 1 << 23;
    /// Delegation by S4U2proxy. MS-SFU 2.2.3.
    pub const CNAME_IN_ADDL_TKT: u32 = 1 << 17;
    /// Names may be changed to the KDC's own. RFC 6806.
    pub const CANONICALIZE: u32 = 1 << 16;
    /// Transited realms are not checked.
    pub const DISABLE_TRANSITED_CHECK: u32 = 1 << 5;
    /// A renewable ticket will do.
    pub const RENEWABLE_OK: u32 = 1 << 4;
    /// The ticket is to be encrypted in the session key of another.
    pub const ENC_TKT_IN_SKEY: u32 = 1 << 3;
    /// Renew the ticket.
    pub const RENEW: u32 = 1 << 1;
    /// Make a postdated ticket valid.
    pub const VALIDATE: u32 = 1;
}

/// What a ticket may be used for. RFC 4120 2, 5.3.
pub mod flags {
    /// May be forwarded.
    pub const FORWARDABLE: u32 = 1 << 30;
    /// Was forwarded.
    pub const FORWARDED: u32 = 1 << 29;
    /// May be used by proxies.
    pub const PROXIABLE: u32 = 1 << 28;
    /// Is a proxy's.
    pub const PROXY: u32 = 1 << 27;
    /// Must be validated first.
    pub const INVALID: u32 = 1 << 24;
    /// May be renewed.
    pub const RENEWABLE: u32 = 1 << 23;
    /// Was got by an AS exchange.
    pub const INITIAL: u32 = 1 << 22;
    /// The client had proved who it is before.
    pub const PRE_AUTHENT: u32 = 1 << 21;
    /// Transited realms were checked.
    pub const TRANSITED_POLICY_CHECKED: u32 = 1 << 19;
    /// The service may be delegated to.
    pub const OK_AS_DELEGATE: u32 = 1 << 18;
    /// RFC 6806 11.
    pub const ENC_PA_REP: u32 = 1 << 16;
}
