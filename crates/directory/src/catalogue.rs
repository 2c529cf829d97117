//! What this room needs to know about attributes, found once: which ids the system's own attributes have, which are indexed, which are secret.

use std::collections::{HashMap, HashSet};

use schema::{AttrId, Attribute, Schema};

use crate::Error;

macro_rules! known {
    ($($field:ident = $name:literal),* $(,)?) => {
        /// The ids of attributes that have a meaning to the directory itself.
        #[allow(missing_docs, reason = "the names are the documentation")]
        #[derive(Clone, Copy)]
        pub(crate) struct Known { $(pub(crate) $field: AttrId),* }

        impl Known {
            fn find(schema: &Schema) -> Result<Self, Error> {
                Ok(Self { $($field: id(schema, $name)?),* })
            }
        }
    };
}

known! {
    object_class = "objectClass",
    object_category = "objectCategory",
    object_guid = "objectGUID",
    object_sid = "objectSid",
    distinguished_name = "distinguishedName",
    name = "name",
    instance_type = "instanceType",
    when_created = "whenCreated",
    when_changed = "whenChanged",
    usn_created = "uSNCreated",
    usn_changed = "uSNChanged",
    nt_security_descriptor = "nTSecurityDescriptor",
    sam_account_name = "sAMAccountName",
    sam_account_type = "sAMAccountType",
    user_account_control = "userAccountControl",
    primary_group_id = "primaryGroupID",
    group_type = "groupType",
    is_deleted = "isDeleted",
    is_critical_system_object = "isCriticalSystemObject",
    last_known_parent = "lastKnownParent",
    system_flags = "systemFlags",
    show_in_advanced_view_only = "showInAdvancedViewOnly",
    unicode_pwd = "unicodePwd",
    user_principal_name = "userPrincipalName",
    service_principal_name = "servicePrincipalName",
    member = "member",
    code_page = "codePage",
    country_code = "countryCode",
    bad_pwd_count = "badPwdCount",
    bad_password_time = "badPasswordTime",
    last_logoff = "lastLogoff",
    last_logon = "lastLogon",
    logon_count = "logonCount",
    pwd_last_set = "pwdLastSet",
    lockout_time = "lockoutTime",
    account_expires = "accountExpires",
    ldap_display_name = "lDAPDisplayName",
    well_known_objects = "wellKnownObjects",
    managed_password = "msDS-ManagedPassword",
}

/// Attributes whose values never leave the directory. MS-ADTS 3.1.1.4.4, and the root keys of the KDS and the old keys of accounts.
const SECRET: &[&str] = &[
    "unicodePwd",
    "dBCSPwd",
    "ntPwdHistory",
    "lmPwdHistory",
    "supplementalCredentials",
    "currentValue",
    "priorValue",
    "initialAuthIncoming",
    "initialAuthOutgoing",
    "trustAuthIncoming",
    "trustAuthOutgoing",
    "msKds-RootKeyData",
    "msDS-ExecuteScriptPassword",
];

/// Indexed though the schema does not say so: what clients search by, and what the directory itself does.
const ALSO_INDEXED: &[&str] = &[
    "objectClass",
    "objectCategory",
    "objectGUID",
    "objectSid",
    "sAMAccountName",
    "userPrincipalName",
    "servicePrincipalName",
    "cn",
    "name",
    "ou",
    "mail",
    "uid",
    "uidNumber",
    "gidNumber",
    "uSNChanged",
    "dNSHostName",
    "nCName",
    "lDAPDisplayName",
];

/// Everything found once when a directory is opened.
pub(crate) struct Catalogue {
    pub(crate) known: Known,
    secret: HashSet<AttrId>,
    indexed: HashSet<AttrId>,
    forward: HashMap<i32, AttrId>,
    back: HashMap<AttrId, AttrId>,
}

fn id(schema: &Schema, name: &str) -> Result<AttrId, Error> {
    schema
        .attribute(name)
        .map(|attribute| attribute.id)
        .ok_or_else(|| Error::store(format!("the schema has no attribute {name}")))
}

impl Catalogue {
    pub(crate) fn new(schema: &Schema) -> Result<Self, Error> {
        let secret: HashSet<AttrId> =
            SECRET.iter().filter_map(|name| schema.attribute(name)).map(|attribute| attribute.id).collect();
        let by_flag =
            schema.attributes().filter(|attribute| attribute.search_flags & INDEX != 0).map(|attribute| attribute.id);
        let by_name = ALSO_INDEXED.iter().filter_map(|name| schema.attribute(name)).map(|attribute| attribute.id);
        let indexed = by_flag.chain(by_name).filter(|id| !secret.contains(id)).collect();
        let links = schema.attributes().filter_map(|attribute| attribute.link_id.map(|link| (link, attribute.id)));
        let (even, odd): (Vec<_>, Vec<_>) = links.partition(|(link, _)| link % 2 == 0);
        let forward: HashMap<i32, AttrId> = even.into_iter().collect();
        let back = odd.into_iter().filter_map(|(link, id)| Some((*forward.get(&link.checked_sub(1)?)?, id))).collect();
        Ok(Self { known: Known::find(schema)?, secret, indexed, forward, back })
    }

    /// The forward attribute of a back link (`member` of `memberOf`).
    pub(crate) fn forward_of(&self, back_link: i32) -> Option<AttrId> {
        self.forward.get(&back_link.checked_sub(1)?).copied()
    }

    /// The back link of a forward attribute (`memberOf` of `member`).
    pub(crate) fn back_of(&self, forward: AttrId) -> Option<AttrId> {
        self.back.get(&forward).copied()
    }

    /// Whether values of the attribute never leave the directory.
    pub(crate) fn is_secret(&self, attribute: AttrId) -> bool {
        self.secret.contains(&attribute)
    }

    /// Whether the attribute has an index. Link attributes have their own tables.
    pub(crate) fn is_indexed(&self, attribute: &Attribute) -> bool {
        attribute.link_id.is_none() && self.indexed.contains(&attribute.id)
    }
}

/// `fATTINDEX` of `searchFlags`. MS-ADTS 2.2.9.
const INDEX: u32 = 1;
