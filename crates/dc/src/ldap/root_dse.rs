//! The rootDSE and the subschema. MS-ADTS 3.1.1.3.2 (rootDSE attributes), 3.1.1.3.4.3 (capabilities); RFC 4512 4.2.

use ldap::oid;
use schema::Schema;

use super::controls;
use super::facts::Facts;
use super::virtual_entry::VirtualEntry;

/// Active Directory since Windows 2000, 2003, 2008, 2008 R2 and 2012 R2, and that signed binds work. MS-ADTS 3.1.1.3.4.3.
const CAPABILITIES: [&str; 6] = [
    "1.2.840.113556.1.4.800",
    "1.2.840.113556.1.4.1670",
    "1.2.840.113556.1.4.1791",
    "1.2.840.113556.1.4.1935",
    "1.2.840.113556.1.4.2080",
    "1.2.840.113556.1.4.2237",
];

/// The limits that are kept here. MS-ADTS 3.1.1.3.4.6.
const POLICIES: [&str; 7] = [
    "MaxPageSize",
    "MaxValRange",
    "MaxQueryDuration",
    "MaxConnIdleTime",
    "InitRecvTimeout",
    "MaxConnections",
    "MaxReceiveBuffer",
];

/// Windows Server 2016 and later. MS-ADTS 6.1.4.1.
const FUNCTIONALITY: &str = "7";

/// The rootDSE, but for the time and the USN.
pub(crate) fn root_dse(facts: &Facts, tls: bool) -> VirtualEntry {
    let realm = facts.realm();
    let machine = facts.machine_account().to_ascii_lowercase();
    let extensions = tls.then_some(oid::START_TLS).into_iter().chain([oid::WHO_AM_I]);
    VirtualEntry::new("")
        .with("domainFunctionality", [FUNCTIONALITY])
        .with("forestFunctionality", [FUNCTIONALITY])
        .with("domainControllerFunctionality", [FUNCTIONALITY])
        .with("rootDomainNamingContext", [facts.domain.as_str()])
        .with("ldapServiceName", [format!("{}:{machine}@{realm}", facts.dns_name)])
        .with("isGlobalCatalogReady", ["TRUE"])
        .with("isSynchronized", ["TRUE"])
        .with("supportedSASLMechanisms", ["GSSAPI", "GSS-SPNEGO"])
        .with("supportedLDAPVersion", ["3"])
        .with("supportedLDAPPolicies", POLICIES)
        .with("supportedControl", controls::SUPPORTED.iter().copied())
        .with("supportedCapabilities", CAPABILITIES)
        .with("supportedExtension", extensions)
        .with("subschemaSubentry", [facts.subschema()])
        .with("serverName", non_empty(&facts.server))
        .with("schemaNamingContext", non_empty(&facts.schema))
        .with("namingContexts", facts.contexts.iter().map(String::as_str))
        .with("dsServiceName", non_empty(&facts.service))
        .with("dnsHostName", [facts.host.as_str()])
        .with("defaultNamingContext", [facts.domain.as_str()])
        .with("configurationNamingContext", non_empty(&facts.configuration))
}

fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// `CN=Aggregate`: the schema as LDAP clients read it. MS-ADTS 3.1.1.3.1.1.1.
pub(crate) fn subschema(facts: &Facts, schema: &Schema) -> VirtualEntry {
    let rendered = schema.subschema();
    VirtualEntry::new(facts.subschema())
        .with("objectClass", ["top", "subSchema"])
        .with("cn", ["Aggregate"])
        .with("name", ["Aggregate"])
        .with("distinguishedName", [facts.subschema()])
        .with("objectCategory", [format!("CN=SubSchema,{}", facts.schema)])
        .on_request("attributeTypes", rendered.attribute_types())
        .on_request("objectClasses", rendered.object_classes())
        .on_request("dITContentRules", rendered.content_rules())
        .on_request("extendedAttributeInfo", rendered.extended_attributes())
        .on_request("extendedClassInfo", rendered.extended_classes())
}
