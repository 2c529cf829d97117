//! What a new domain holds. MS-ADTS 6.1.1.

use dtyp::{Guid, Sid, rid, sddl};
use ldap::Dn;

use super::{Names, text, texts};
use crate::{Attribute, Error, access};

type Objects = Vec<(Dn, Vec<Attribute>)>;

/// Who may do what in a naming context unless an object says otherwise: administrators everything, who has authenticated reads.
const HEAD_DESCRIPTOR: &str =
    "O:BAG:BAD:(A;CI;GA;;;SY)(A;CI;GA;;;DA)(A;CI;GA;;;EA)(A;CI;GA;;;BA)(A;CI;RPLCLORC;;;AU)(A;;RP;;;ED)";

/// Who may change what administers the domain: administrators, and everybody their own password. Held by AdminSDHolder, which has a say
/// in every write to such an account or group, and worn by those that are there from the beginning. MS-ADTS 3.1.1.6.1.
const PROTECTED_DESCRIPTOR: &str = "O:DAG:DAD:PAI(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;DA)(A;;GA;;;EA)(A;;RPLCLORC;;;AU)\
    (OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;PS)";

/// Who sees what was deleted: administrators. MS-ADTS 6.1.1.4.2.
const DELETED_DESCRIPTOR: &str = "O:DAG:DAD:PAI(A;;RPWPCCDCLCRCWOWDSDSW;;;SY)(A;;RPLCRC;;;BA)";

/// Windows Server 2016, the highest level there is before 2025. MS-ADTS 6.1.4.2.
const FUNCTIONAL_LEVEL: &str = "7";

/// The head of the domain.
pub(super) fn head(names: &Names, sid: &Sid) -> Result<(Dn, Vec<Attribute>), Error> {
    let attributes = vec![
        text("instanceType", "5"),
        Attribute::new("objectSid", [sid.to_bytes()]),
        descriptor(HEAD_DESCRIPTOR, sid)?,
        text("msDS-Behavior-Version", FUNCTIONAL_LEVEL),
        text("minPwdLength", "7"),
        text("pwdProperties", "1"),
        text("pwdHistoryLength", "24"),
        text("maxPwdAge", "-36288000000000"),
        text("minPwdAge", "-864000000000"),
        text("lockoutThreshold", "0"),
        text("lockoutDuration", "-18000000000"),
        text("lockOutObservationWindow", "-18000000000"),
        text("ms-DS-MachineAccountQuota", "10"),
        text("isCriticalSystemObject", "TRUE"),
    ];
    // What names objects that are not there yet comes later: `references`.
    let dn = names.base.parse().map_err(|_| Error::naming("the domain has no name".to_owned()))?;
    Ok((dn, std::iter::once(text("objectClass", "domainDNS")).chain(attributes).collect()))
}

/// What the head says about other objects. MS-ADTS 6.1.1.4.
pub(super) fn references(names: &Names) -> Result<Vec<Attribute>, Error> {
    let well_known = [
        ("A9D1CA15768811D1ADED00C04FD8D5CD", "CN=Users"),
        ("AA312825768811D1ADED00C04FD8D5CD", "CN=Computers"),
        ("AB1D30F3768811D1ADED00C04FD8D5CD", "CN=System"),
        ("A361B2FFFFD211D1AA4B00C04FD7D83A", "OU=Domain Controllers"),
        ("2FBAC1870ADE11D297C400C04FD8D5CD", "CN=Infrastructure"),
        ("18E2EA80684F11D2B9AA00C04F79F805", "CN=Deleted Objects"),
        ("AB8153B7768811D1ADED00C04FD8D5CD", "CN=LostAndFound"),
        ("22B70C67D56E4EFB91E9300FCA3DC1AA", "CN=ForeignSecurityPrincipals"),
        ("09460C08AE1E4A4EA0F64AEE7DAA1E5A", "CN=Program Data"),
    ];
    let reference = |(guid, name): &(&str, &str)| format!("B:32:{guid}:{name},{}", names.base);
    let managed = [
        ("1EB93889E40C45DF9F0C64D23BBB6237", "CN=Managed Service Accounts"),
        ("683A24E2E8164BD3AF86AC3C2CF3F981", "CN=Keys"),
    ];
    Ok(vec![
        texts("wellKnownObjects", &well_known.iter().map(reference).collect::<Vec<_>>()),
        texts("otherWellKnownObjects", &managed.iter().map(reference).collect::<Vec<_>>()),
        text("objectCategory", &names.category("domainDNS")?),
    ])
}

fn descriptor(text: &str, sid: &Sid) -> Result<Attribute, Error> {
    let parsed = sddl::parse(text, sid, sid).and_then(|descriptor| descriptor.to_bytes());
    Ok(Attribute::new(
        "nTSecurityDescriptor",
        [parsed.map_err(|_| Error::damaged("a descriptor of a new domain is malformed"))?],
    ))
}

/// What marks an account or group that administers the domain. MS-ADTS 3.1.1.6.1.
fn protected(sid: &Sid) -> Result<[Attribute; 2], Error> {
    Ok([descriptor(PROTECTED_DESCRIPTOR, sid)?, text("adminCount", "1")])
}

/// The heads of the other two naming contexts.
pub(super) fn contexts(names: &Names, sid: &Sid) -> Result<Objects, Error> {
    let head = || {
        Ok::<_, Error>(vec![
            text("instanceType", "13"),
            descriptor(HEAD_DESCRIPTOR, sid)?,
            text("showInAdvancedViewOnly", "TRUE"),
        ])
    };
    let mut schema = head()?;
    schema.push(text("objectVersion", &schema::OBJECT_VERSION.to_string()));
    Ok(vec![names.object(&names.configuration, "configuration", head()?)?, names.object(&names.schema, "dMD", schema)?])
}

/// Containers, groups and accounts.
pub(super) fn everything_else(names: &Names, sid: &Sid) -> Result<Objects, Error> {
    let mut all = containers(names, sid)?;
    all.extend(configuration(names)?);
    all.extend(builtin_groups(names, sid)?);
    all.extend(domain_groups(names, sid)?);
    all.extend(accounts(names, sid)?);
    Ok(all)
}

fn critical() -> Attribute {
    text("isCriticalSystemObject", "TRUE")
}

fn containers(names: &Names, sid: &Sid) -> Result<Objects, Error> {
    let base = &names.base;
    let container = |name: &str, class: &str| names.object(&format!("{name},{base}"), class, vec![critical()]);
    let hidden = |name: &str, class: &str| {
        names.object(&format!("{name},{base}"), class, vec![critical(), text("showInAdvancedViewOnly", "TRUE")])
    };
    Ok(vec![
        container("CN=Users", "container")?,
        container("CN=Computers", "container")?,
        container("OU=Domain Controllers", "organizationalUnit")?,
        container("CN=Managed Service Accounts", "container")?,
        container("CN=ForeignSecurityPrincipals", "container")?,
        hidden("CN=Keys", "container")?,
        hidden("CN=System", "container")?,
        hidden("CN=Program Data", "container")?,
        hidden("CN=LostAndFound", "lostAndFound")?,
        hidden("CN=Infrastructure", "infrastructureUpdate")?,
        names.object(
            &format!("CN=Deleted Objects,{base}"),
            "container",
            vec![critical(), text("showInAdvancedViewOnly", "TRUE"), descriptor(DELETED_DESCRIPTOR, sid)?],
        )?,
        names.object(
            &format!("CN=Builtin,{base}"),
            "builtinDomain",
            vec![critical(), Attribute::new("objectSid", [Sid::BUILTIN.to_bytes()])],
        )?,
        names.object(
            &format!("CN=AdminSDHolder,CN=System,{base}"),
            "container",
            vec![critical(), text("showInAdvancedViewOnly", "TRUE"), descriptor(PROTECTED_DESCRIPTOR, sid)?],
        )?,
        hidden("CN=Password Settings Container,CN=System", "msDS-PasswordSettingsContainer")?,
    ])
}

fn configuration(names: &Names) -> Result<Objects, Error> {
    let under = |name: &str, class: &str, more: Vec<Attribute>| {
        names.object(&format!("{name},{}", names.configuration), class, more)
    };
    let site = "CN=Default-First-Site-Name,CN=Sites";
    let kds = "CN=Group Key Distribution Service,CN=Services";
    let reference = |naming: &str, flags: &str| vec![text("nCName", naming), text("systemFlags", flags)];
    let mut domain = reference(&names.base, "3");
    domain.extend([text("nETBIOSName", &names.netbios), text("dnsRoot", &names.domain)]);
    let dns = |mut more: Vec<Attribute>| {
        more.push(text("dnsRoot", &names.domain));
        more
    };
    Ok(vec![
        under("CN=Partitions", "crossRefContainer", vec![text("msDS-Behavior-Version", FUNCTIONAL_LEVEL)])?,
        under("CN=Enterprise Configuration,CN=Partitions", "crossRef", dns(reference(&names.configuration, "1")))?,
        under("CN=Enterprise Schema,CN=Partitions", "crossRef", dns(reference(&names.schema, "1")))?,
        under(&format!("CN={},CN=Partitions", names.netbios), "crossRef", domain)?,
        under("CN=Sites", "sitesContainer", Vec::new())?,
        under(site, "site", Vec::new())?,
        under(&format!("CN=Servers,{site}"), "serversContainer", Vec::new())?,
        names.object(
            &names.server(),
            "server",
            vec![
                text("dNSHostName", &format!("{}.{}", names.dc_name, names.domain)),
                text("serverReference", &names.dc()),
            ],
        )?,
        under("CN=Services", "container", Vec::new())?,
        under("CN=Windows NT,CN=Services", "container", Vec::new())?,
        under("CN=Directory Service,CN=Windows NT,CN=Services", "nTDSService", vec![text("tombstoneLifetime", "180")])?,
        under(kds, "container", Vec::new())?,
        under(&format!("CN=Master Root Keys,{kds}"), "container", Vec::new())?,
        under(&format!("CN=Server Configuration,{kds}"), "container", Vec::new())?,
        under("CN=Extended-Rights", "container", Vec::new())?,
        under("CN=WellKnown Security Principals", "container", Vec::new())?,
    ])
}

/// What the domain controller does as one: it holds all naming contexts and is a global catalog. MS-ADTS 6.1.1.2.2.1.2.1.1.
pub(super) fn settings(names: &Names, invocation_id: Guid) -> Result<(Dn, Vec<Attribute>), Error> {
    const GLOBAL_CATALOG: &str = "1";
    const DISALLOW_MOVE_ON_DELETE: &str = "33554432";
    let held = [&names.base, &names.configuration, &names.schema].map(String::as_str);
    names.object(
        &format!("CN=NTDS Settings,{}", names.server()),
        "nTDSDSA",
        vec![
            Attribute::new("invocationId", [invocation_id.as_bytes()]),
            Attribute::new("hasMasterNCs", held),
            Attribute::new("msDS-hasMasterNCs", held),
            text("msDS-HasDomainNCs", &names.base),
            text("dMDLocation", &names.schema),
            text("msDS-Behavior-Version", FUNCTIONAL_LEVEL),
            text("options", GLOBAL_CATALOG),
            text("systemFlags", DISALLOW_MOVE_ON_DELETE),
        ],
    )
}

/// RIDs, names and members of the groups under Builtin. MS-ADTS 6.1.1.4.12, MS-DTYP 2.4.2.4.
const BUILTIN: &[(u32, &str, &[&str])] = &[
    (
        544,
        "Administrators",
        &["CN=Administrator,CN=Users", "CN=Domain Admins,CN=Users", "CN=Enterprise Admins,CN=Users"],
    ),
    (545, "Users", &["CN=Domain Users,CN=Users"]),
    (546, "Guests", &["CN=Guest,CN=Users", "CN=Domain Guests,CN=Users"]),
    (548, "Account Operators", &[]),
    (549, "Server Operators", &[]),
    (550, "Print Operators", &[]),
    (551, "Backup Operators", &[]),
    (552, "Replicator", &[]),
    (554, "Pre-Windows 2000 Compatible Access", &[]),
    (555, "Remote Desktop Users", &[]),
    (556, "Network Configuration Operators", &[]),
    (557, "Incoming Forest Trust Builders", &[]),
    (558, "Performance Monitor Users", &[]),
    (559, "Performance Log Users", &[]),
    (560, "Windows Authorization Access Group", &[]),
    (561, "Terminal Server License Servers", &[]),
    (562, "Distributed COM Users", &[]),
    (568, "IIS_IUSRS", &[]),
    (569, "Cryptographic Operators", &[]),
    (573, "Event Log Readers", &[]),
    (574, "Certificate Service DCOM Access", &[]),
    (575, "RDS Remote Access Servers", &[]),
    (576, "RDS Endpoint Servers", &[]),
    (577, "RDS Management Servers", &[]),
    (578, "Hyper-V Administrators", &[]),
    (579, "Access Control Assistance Operators", &[]),
    (580, "Remote Management Users", &[]),
    (582, "Storage Replica Administrators", &[]),
];

/// `groupType` bits. MS-ADTS 2.2.12.
const BUILTIN_LOCAL: &str = "-2147483643";
const GLOBAL: &str = "-2147483646";
const LOCAL: &str = "-2147483644";
const UNIVERSAL: &str = "-2147483640";

fn builtin_groups(names: &Names, domain: &Sid) -> Result<Objects, Error> {
    let all = BUILTIN.iter().map(|(rid, name, members)| {
        let sid = Sid::BUILTIN.with_rid(*rid).map_err(|_| Error::damaged("a built-in SID is too long"))?;
        let mut more = vec![Attribute::new("objectSid", [sid.to_bytes()]), text("groupType", BUILTIN_LOCAL)];
        more.extend([text("sAMAccountName", name), critical(), text("systemFlags", "-1946157056")]);
        if access::is_administrative(&sid) {
            more.extend(protected(domain)?);
        }
        if !members.is_empty() {
            more.push(texts(
                "member",
                &members.iter().map(|member| format!("{member},{}", names.base)).collect::<Vec<_>>(),
            ));
        }
        names.object(&format!("CN={name},CN=Builtin,{}", names.base), "group", more)
    });
    all.collect()
}

/// RIDs, names, scopes and members of the domain's own groups. MS-ADTS 6.1.1.6.
const GROUPS: &[(u32, &str, &str, &[&str])] = &[
    (rid::DOMAIN_ADMINS, "Domain Admins", GLOBAL, &["CN=Administrator"]),
    (rid::DOMAIN_USERS, "Domain Users", GLOBAL, &[]),
    (rid::DOMAIN_GUESTS, "Domain Guests", GLOBAL, &[]),
    (rid::DOMAIN_COMPUTERS, "Domain Computers", GLOBAL, &[]),
    (rid::DOMAIN_CONTROLLERS, "Domain Controllers", GLOBAL, &[]),
    (rid::CERT_PUBLISHERS, "Cert Publishers", LOCAL, &[]),
    (rid::SCHEMA_ADMINS, "Schema Admins", UNIVERSAL, &["CN=Administrator"]),
    (rid::ENTERPRISE_ADMINS, "Enterprise Admins", UNIVERSAL, &["CN=Administrator"]),
    (rid::GROUP_POLICY_CREATOR_OWNERS, "Group Policy Creator Owners", GLOBAL, &["CN=Administrator"]),
    (rid::READ_ONLY_DOMAIN_CONTROLLERS, "Read-only Domain Controllers", GLOBAL, &[]),
    (rid::ENTERPRISE_READ_ONLY_DOMAIN_CONTROLLERS, "Enterprise Read-only Domain Controllers", UNIVERSAL, &[]),
    (rid::CLONEABLE_DOMAIN_CONTROLLERS, "Cloneable Domain Controllers", GLOBAL, &[]),
    (rid::PROTECTED_USERS, "Protected Users", GLOBAL, &[]),
    (rid::KEY_ADMINS, "Key Admins", GLOBAL, &[]),
    (rid::ENTERPRISE_KEY_ADMINS, "Enterprise Key Admins", UNIVERSAL, &[]),
    (rid::RAS_AND_IAS_SERVERS, "RAS and IAS Servers", LOCAL, &[]),
    (rid::ALLOWED_RODC_PASSWORD_REPLICATION, "Allowed RODC Password Replication Group", LOCAL, &[]),
    (
        rid::DENIED_RODC_PASSWORD_REPLICATION,
        "Denied RODC Password Replication Group",
        LOCAL,
        &["CN=krbtgt", "CN=Domain Admins"],
    ),
];

fn with_rid(sid: &Sid, rid: u32) -> Result<Attribute, Error> {
    let sid = sid.with_rid(rid).map_err(|_| Error::damaged("the domain's SID is too long"))?;
    Ok(Attribute::new("objectSid", [sid.to_bytes()]))
}

fn domain_groups(names: &Names, sid: &Sid) -> Result<Objects, Error> {
    let all = GROUPS.iter().map(|(rid, name, scope, members)| {
        let mut more = vec![with_rid(sid, *rid)?, text("sAMAccountName", name), text("groupType", scope), critical()];
        if sid.with_rid(*rid).is_ok_and(|sid| access::is_administrative(&sid)) {
            more.extend(protected(sid)?);
        }
        if !members.is_empty() {
            more.push(texts(
                "member",
                &members.iter().map(|member| format!("{member},CN=Users,{}", names.base)).collect::<Vec<_>>(),
            ));
        }
        names.object(&names.user(name), "group", more)
    });
    all.collect()
}

fn accounts(names: &Names, sid: &Sid) -> Result<Objects, Error> {
    let account = |rid, name: &str, control: &str, group: &str| {
        Ok::<_, Error>(vec![
            with_rid(sid, rid)?,
            text("sAMAccountName", name),
            text("userAccountControl", control),
            text("primaryGroupID", group),
            critical(),
        ])
    };
    let mut krbtgt = account(rid::KRBTGT, "krbtgt", "514", "513")?;
    krbtgt.extend([text("servicePrincipalName", "kadmin/changepw"), text("showInAdvancedViewOnly", "TRUE")]);
    krbtgt.extend(protected(sid)?);
    let mut administrator = account(rid::ADMINISTRATOR, "Administrator", "66048", "513")?;
    administrator.extend(protected(sid)?);
    let computer = names.dc_name.to_ascii_uppercase();
    let host = format!("{}.{}", names.dc_name, names.domain);
    let mut dc = account(rid::FIRST_ALLOCATED, &format!("{computer}$"), "532480", "516")?;
    dc.extend([
        text("dNSHostName", &host),
        texts("servicePrincipalName", &services(names, &host)),
        text("msDS-SupportedEncryptionTypes", "24"),
        text("operatingSystem", "Pando"),
    ]);
    Ok(vec![
        names.object(&names.user("Administrator"), "user", administrator)?,
        names.object(&names.user("Guest"), "user", account(rid::GUEST, "Guest", "66082", "514")?)?,
        names.object(&names.user("krbtgt"), "user", krbtgt)?,
        names.object(&names.dc(), "computer", dc)?,
    ])
}

/// What clients ask tickets for when they want this domain controller. MS-ADTS 6.1.1.3 (servicePrincipalName of a DC).
fn services(names: &Names, host: &str) -> Vec<String> {
    let short = names.dc_name.to_ascii_uppercase();
    let mut all = Vec::new();
    for service in ["ldap", "host", "HOST", "GC", "RestrictedKrbHost"] {
        all.push(format!("{service}/{host}"));
        all.push(format!("{service}/{short}"));
        all.push(format!("{service}/{host}/{}", names.domain));
        if names.loopback && matches!(service, "ldap" | "host") {
            all.push(format!("{service}/localhost"));
        }
    }
    // Names do not differ by case alone.
    all.retain(|spn| !spn.starts_with("HOST/"));
    all
}
