use std::path::Path;
#[tokio::main]
async fn main() {
    let dir = std::path::PathBuf::from(std::env::args().nth(1).unwrap());
    let data = dir.join("data");
    let environment = directory::Environment::system();
    let t = std::time::Instant::now();
    let directory = if data.exists() {
        directory::Directory::open(&data, Default::default(), environment).unwrap()
    } else {
        directory::provision::provision(
            &data,
            &directory::provision::Provision {
                domain: "contoso.com".into(),
                netbios: "CONTOSO".into(),
                dc_name: "dc1".into(),
                admin_password: "Root-0f-all-Trust!".to_owned().into(),
                loopback: true,
            },
            environment,
        )
        .unwrap()
    };
    eprintln!("provisioned in {:?}", t.elapsed());
    let authority = pki::Authority::load_or_create(
        Path::new(&dir).join("ca").as_path(),
        "test",
        pki::Validity::YEARS_10,
        &dtyp::SystemClock,
    )
    .unwrap();
    let identity = authority
        .issue(&pki::Purpose::server(["localhost", "dc1.contoso.com", "vm"]), pki::Validity::DAY, &dtyp::SystemClock)
        .unwrap();
    let tls = pki::server_config(&pki::Rotating::new(&identity).unwrap(), pki::ClientAuth::None).unwrap();
    let config = dc::Config {
        ldap: vec!["127.0.0.1:3389".parse().unwrap()],
        ldaps: vec!["127.0.0.1:3636".parse().unwrap()],
        kerberos: vec!["127.0.0.1:3088".parse().unwrap()],
        tls: Some(tls),
        ..Default::default()
    };
    let running = dc::run(directory, config, async { tokio::signal::ctrl_c().await.unwrap() }).await.unwrap();
    eprintln!("{running:?}");
    running.finished().await;
}
