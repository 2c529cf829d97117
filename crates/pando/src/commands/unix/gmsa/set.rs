//! `pando gmsa set`: what of a gMSA can be changed. Its password's interval cannot: it is chosen once.

use client::ldap::{Change, Modification};

use super::account;
use super::membership::Membership;
use crate::cli::{EncryptionType, GmsaSet};
use crate::commands::Failed;
use crate::commands::unix::administrator::{Administration, sid_of};
use crate::terminal;

const CONTROL: &str = "userAccountControl";
/// Who may act for users towards the account. MS-ADTS 2.2.18 and MS-ADA2 (msDS-AllowedToActOnBehalfOfOtherIdentity).
pub const DELEGATES: &str = "msDS-AllowedToActOnBehalfOfOtherIdentity";
/// `ACCOUNTDISABLE`. MS-ADTS 2.2.16.
const DISABLED: i64 = 2;

pub async fn run(args: &GmsaSet) -> Result<(), Failed> {
    let mut administration = Administration::begin(&args.gmsa.administrator).await?;
    let managed = account(&mut administration, &args.gmsa.name, &[CONTROL]).await?;
    let wanted = &args.changes;
    let mut changes = Vec::new();
    changes.extend(wanted.dns_host_name.as_ref().map(|name| Modification::replace("dNSHostName", name.as_str())));
    changes.extend(wanted.description.as_ref().map(|text| Modification::replace("description", text.as_str())));
    if !wanted.encryption_types.is_empty() {
        let bits = wanted.encryption_types.iter().fold(0, |bits, kind| bits | bit(*kind));
        changes.push(Modification::replace("msDS-SupportedEncryptionTypes", bits.to_string()));
    }
    if wanted.enable || wanted.disable {
        let control = managed.text(CONTROL).and_then(|text| text.parse::<i64>().ok());
        let control =
            control.ok_or("the account does not say whether it is enabled: may you read userAccountControl?")?;
        let control = if wanted.disable { control | DISABLED } else { control & !DISABLED };
        changes.push(Modification::replace(CONTROL, control.to_string()));
    }
    if !wanted.delegate.is_empty() {
        let mut delegates = Membership::nobody();
        for name in &wanted.delegate {
            delegates.allow(sid_of(&administration.principal(name, &["objectSid"]).await?)?);
        }
        changes.push(Modification::replace(DELEGATES, delegates.to_bytes()?));
    }
    if wanted.delegate_nobody {
        changes.push(Modification { change: Change::Replace, attribute: DELEGATES.to_owned(), values: Vec::new() });
    }
    administration.connection.modify(&managed.dn, &changes).await?;
    terminal::say(format_args!("{} is changed", managed.dn));
    Ok(())
}

/// MS-KILE 2.2.7.
fn bit(kind: EncryptionType) -> u32 {
    match kind {
        EncryptionType::Aes128 => 0x8,
        EncryptionType::Aes256 => 0x10,
    }
}
