//! Devices of a plan.

use std::fmt::Write as _;

use super::*;
use crate::hardware::{Calibrations, Pass, device};

const MINE: &str = r#"
device mine {
  bf16 = 800 TFLOP/s/gpu, fp8 = 1600 TFLOP/s/gpu, memory = 96 GB, bandwidth = 4 TB/s
  units = 80, shared = 128 KiB, l2 = 48 MiB, clock = 1.9 GHz, price = 1.80 $/gpu/h, source = "a data sheet"
}
"#;
const LAW: &str = "law shape = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }\n";

/// A device of its own has what is written, and nobody measured it.
#[test]
fn a_device_has_what_is_written() {
    let plan = plan(&format!("{LAW}{MINE}budget all = (mine.bf16 * 64 gpu * 1 day * 0.5) as training\n"));
    let mine = &plan.devices[0];
    assert_eq!((mine.name.as_str(), mine.title.as_str()), ("mine", "mine"));
    assert_eq!((mine.rate("bf16"), mine.rate("fp8"), mine.rate("tf32")), (Some(800e12), Some(1600e12), None));
    assert_eq!([mine.memory, mine.bandwidth, mine.clock], [96e9, 4e12, 1.9e9]);
    assert_eq!((mine.units, mine.shared, mine.l2, mine.alignment), (80, 128 << 10, 48 << 20, 16));
    assert_eq!(mine.exponentials, 0);
    assert!(mine.measured.is_none() && mine.source == "a data sheet");
    assert_eq!(plan.budgets[0].stated, 800e12 * 64.0 * 86400.0 * 0.5);
}

/// What was measured of a device holds of another one that runs as it does.
#[test]
fn measured_constants_stay_where_nothing_they_depend_on_is_changed() {
    let base = device("h200").unwrap();
    let changed = |fields: &str| {
        let plan = plan(&format!("{LAW}device d from h200 {{ source = \"s\", {fields} }}\n"));
        let device = (*plan.devices[0]).clone();
        assert!(device.source == format!("s; the rest: {}", base.source) && device.title == base.title);
        device
    };
    for same in ["memory = 282 GB", "price = 3 $/gpu/h", "fp4 = 4 PFLOP/s/gpu", "l2 = 60 MiB", "units = 132"] {
        assert_eq!(changed(same).measured, base.measured, "{same}");
    }
    for other in [
        "bf16 = 900 TFLOP/s/gpu",
        "bandwidth = 4 TB/s",
        "units = 100",
        "shared = 1 KiB",
        "clock = 1 GHz",
        "exponentials = 32",
        "alignment = 32 B",
    ] {
        assert_eq!(changed(other).measured, None, "{other}");
    }
    let same = plan(&format!("{LAW}device d from h200\n"));
    assert_eq!(*same.devices[0], crate::hardware::Device { name: "d".to_owned(), ..(**base).clone() });
}

/// Passes that its users measured correct the times of a device, and those of one that runs as it does.
#[test]
fn measured_passes_correct_a_device() {
    let own = |fields: &str| {
        let plan = plan(&format!(
            "{LAW}
            model wide from vit_b16 {{ image = 384 px }}
            device d from b200 {{
              source = \"our rack\"
              measured = [
                {{ model = vit_b16, pass = inference, batch = 64, time = 6 ms }},
                {{ model = wide, width = 1024, heads = 16, pass = inference, batch = 64, throughput = 2000 example/s }},
                {{ model = vit_l16, pass = training, batch = 32, time = 90 ms, optimizer = sgd, attention = cudnn }},
              ]
            }}
            device e from d {{ source = \"s\", {fields} }}
            "
        ));
        (plan.devices[0].own.clone(), plan.devices[1].own.clone(), (*plan.devices[1]).clone())
    };
    let (d, e, alike) = own("memory = 1 TB");
    assert_eq!(d, e);
    let (inference, training) = (d.inference.unwrap(), d.training.unwrap());
    assert_eq!((inference.passes, training.passes, inference.source.as_str()), (2, 1, "our rack"));
    assert!(alike.calibrated(Pass::Training).unwrap() == "1 measured pass of `d`: our rack");
    let (_, other, device) = own("bandwidth = 1 TB/s");
    assert_eq!((other, device.calibrated(Pass::Inference)), (Calibrations::default(), None));
}

/// What cannot have been measured is a mistake, what hardly can a warning.
#[test]
fn measured_passes_are_checked() {
    let passes = |passes: &str| format!("{LAW}device d from h200 {{ source = \"s\", measured = [{passes}] }}\n");
    for (wrong, code) in [
        ("", "S0205"),
        ("{ model = vit_b16, pass = inference, batch = 64 }", "S0205"),
        ("{ model = vit_b16, pass = inference, batch = 64, time = 6 ms, throughput = 9 example/s }", "S0414"),
        ("{ model = vit_b16, pass = inference, batch = 64, time = 1 ms }", "S0223"),
        ("{ model = vit_b16, pass = inference, batch = 64, time = 6 ms, shards = 2 }", "S0203"),
        ("{ model = vit_b16, heads = 7, pass = inference, batch = 64, time = 6 ms }", "S0404"),
        ("{ model = vit_b99, pass = inference, batch = 64, time = 6 ms }", "S0209"),
        ("{ model = vit_b16, pass = inference, batch = 64, time = 6 }", "S0301"),
        ("{ model = vit_b16, pass = inference, batch = 64, time = 0 ms }", "S0402"),
        ("{ model = vit_b16, pass = training, batch = 64, time = 60 ms, compute = fp64 }", "S0210"),
        ("3", "S0401"),
    ] {
        assert_eq!(found(&passes(wrong)), [code], "{wrong}");
    }
    let apart = "{ model = vit_b16, pass = inference, batch = 256, time = 30 ms },
                 { model = vit_l16, pass = inference, batch = 256, time = 900 ms }";
    assert_eq!(found(&passes(apart)), ["S0224"]);
}

/// A device stands wherever one of the language does, above its definition too.
#[test]
fn a_device_stands_where_devices_do() {
    let plan = plan(&format!(
        "{LAW}
        let half = mine.bf16 / 2
        device slow from mine {{ bf16 = half, source = \"a guess\" }}
        {MINE}
        model encoder {{ image = 224 px, patch = 14 px, heads = 16 }}
        start small {{ shape = vit_s16, compute = 0.7 EFLOP as forward }}
        budget cash = (50_000 $ / mine.price * slow.bf16 * 0.4) as training
        search s {{
          serving = {{ on = slow, batch = 8 }}, training = {{ on = mine, mfu = 0.4 +- 0.01, devices = 8 }}
          width in 64..2048, depth in 6..60, mlp in 512..16384
          require latency < 3 ms
        }}
        search t {{
          budget = cash, training = {{ on = slow, batch = 4 }}
          width in 64..2048, depth in 6..60, mlp in 512..16384
        }}
        "
    ));
    let search = &plan.searches[0];
    assert_eq!(search.serving.as_ref().unwrap().device, plan.devices[0]);
    assert_eq!(plan.devices[0].rate("bf16"), Some(400e12));
    let cluster = search.cluster.as_ref().unwrap();
    assert_eq!((&cluster.device, cluster.peak, cluster.devices), (&plan.devices[1], 800e12, Some(8)));
    let price = cluster.price.as_ref().unwrap();
    assert_eq!((price.rate.value * 3600.0, price.source.as_str(), &price.date), (1.8, "a data sheet", &None));
    // A price is not passed on.
    let cluster = plan.searches[1].cluster.as_ref().unwrap();
    assert!(cluster.price.is_none() && cluster.mfu.is_none() && cluster.number_format == "bf16");
}

#[test]
fn mistakes_of_devices() {
    check(
        r#"
        device a { bf16 = -1 TFLOP/s/gpu, memory = 1, bandwidth = 3 TB/s, units = 0, shared = 1 KiB, clock = 1 GHz, source = "s" }
        //                ^^^^^^^^^^^^^^ S0402 `bf16` must be positive
        //                                         ^ S0301 `memory` is bytes
        //                                                                        ^ S0402 `units` must lie between 1
        device b from h2000
        //            ^^^^^ S0214 there is no device `h2000`
        //            > device b from h200
        device h100 from h200
        //     ^^^^ S0216 `h100` is the name of a device
        device vit_g14 from h200
        //     ^^^^^^^ S0216 `vit_g14` is the name of a published model
        device width from h200
        //     ^^^^^ S0216 `width` is the name of a number
        device mine from h200 { memory = 1 GB, source = "s" }
        let mine = 3
        //  ^^^^ S0216 `mine` is the name of a device
        let near = min.bf16
        //         ^^^ S0214 there is no device `min`
        //         > let near = mine.bf16
        device c from h200 { memory = 1 GB }
        //     ^ S0205 device `c` needs `source`
        device d { bf16 = 1 TFLOP/s/gpu as training, memory = 1 GB, bandwidth = 3 TB/s, units = 1, shared = 1 B, clock = 1 Hz, source = "s" }
        //                ^^^^^^^^^^^^^^^^^^^^^^^^^ S0303 a device's rate is what it executes
        device e from f
        device f from e
        //            ^ S0217 device `e` is defined by itself
        device g from h200 { memory = 1 GB +- 1 MB, source = "s" }
        //                            ^^^^^^^^^^^^ S0411 `memory` must be exact
        let cost = h200.price
        //         ^^^^^^^^^^ S0222 nothing says what the time of `h200` costs
        "#,
    );
}

#[test]
fn mistakes_of_clusters() {
    let wrong = |training: &str| {
        found(&format!(
            "{LAW}
            model encoder {{ image = 224 px, patch = 14 px, heads = 16 }}
            start small {{ shape = vit_s16, compute = 0.7 EFLOP as forward }}
            budget big = 8 ZFLOP as forward
            search s {{
              training = {{ {training} }}
              width in 64..2048, depth in 6..60, mlp in 512..16384
            }}
            "
        ))
    };
    assert_eq!(wrong("on = h200, mfu = 42 %"), [""; 0]);
    assert_eq!(wrong("on = h200, batch = 8"), [""; 0]);
    for (training, code) in [
        ("on = h200", "S0205"),
        ("mfu = 0.4", "S0205"),
        ("devices = 4", "S0205"),
        ("on = h200, attention = math, batch = 8", "S0205"),
        ("on = h200, mfu = 1.2", "S0402"),
        ("on = h200, mfu = 0", "S0402"),
        ("on = h200, mfu = 0.01 +- 0.1", "S0402"),
        ("on = h200, mfu = 0.4, compute = fp32", "S0214"),
        ("on = h300, mfu = 0.4", "S0214"),
        ("on = h200, mfu = 0.4, devices = 0", "S0402"),
    ] {
        assert_eq!(wrong(training), [code], "{training}");
    }
}

/// However long devices and values stand for one another, checking them ends.
#[test]
fn long_chains_of_devices_end() {
    let mut text = String::from(LAW);
    for i in 0..3000 {
        let next = i + 1;
        let _ = writeln!(text, "device d{i} from d{next} {{ bf16 = v{i}, source = \"s\" }}\nlet v{i} = d{next}.bf16");
    }
    text.push_str("device d3000 from h200\n");
    assert!(found(&text).contains(&"S0417"), "{:?}", found(&text));
}
