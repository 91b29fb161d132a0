fn main() -> Result<(), sovitc::plugin::Error> {
    sovitc::plugin::Build::new().plan("plans/encoder.sov").compile()
}
