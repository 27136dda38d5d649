//! Installs.
use sigmavault_installer::{answers::Answers, execute::{Execute, real::Real}, inventory, plan, progress::{Event, Stop}, run::Local};

fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(2).unwrap_or("/run/credentials/@system/sigmavault.answers".into());
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(()) };
    let answers: Answers = toml::from_str(&text)?;
    std::fs::create_dir_all("/run/sigmavault")?;
    let machine = inventory::read(&Local)?;
    eprintln!("{machine:?}");
    let plan = plan::build(&machine, &answers, plan::Confirmation::Required).map_err(|refusals| anyhow::anyhow!("{refusals:?}"))?;
    println!("{plan:#?}");
    let outcome = Real(Local).execute(&plan, &Stop::default(), &|event| if !matches!(event, Event::Bytes{..}) { println!("{event:?}") })?;
    println!("sigmavault-installer-report: {outcome:?}");
    if answers.finish.action == sigmavault_installer::answers::Action::Poweroff { Local.run("systemctl", &["poweroff"], b"")?; }
    Ok(())
}
use sigmavault_installer::run::Run;
