//! Text towers of trainings.

use super::check;

#[test]
fn a_text_tower_beside_the_encoder() {
    check(
        "
        model m { image = 224 px, patch = 14 px, heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        start s { shape = vit_s14, compute = 0.7 EFLOP as forward }
        budget b = 1 ZFLOP as forward
        search a {
          training = { batch = 64, text = { family = clip, width = 640, depth = 12, heads = 10 }, global_batch = 256 }
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
        }
        search b {
          training = { batch = 64, text = siglip_so400, global_batch = 100, loss = soft }
        //                                ^^^^^^^^^^^^ S0210 `text` has no `siglip_so400`
        //                                > training = { batch = 64, text = siglip_so400m, global_batch = 100, loss = soft }
        //                                                             ^^^ S0421 devices that see 64 pairs each cannot compare 100 at once
        //                                                             > training = { batch = 64, text = siglip_so400, global_batch = 64, loss = soft }
        //                                                                         ^^^^ S0210 `loss` has no `soft`
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
        }
        search c {
          training = { batch = 64, global_batch = 128 }
        //                         ^^^^^^^^^^^^ S0215 `global_batch` compares images with texts, and no text tower is named
        //                         > training = { batch = 64, global_batch = 128, text = siglip_b }
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
        }
        search d {
          training = { batch = 64, text = { family = clip, width = 640, depth = 12, heads = 9 } }
        //^^^^^^^^ S0205 `training` needs `global_batch`
        //                                                                                  ^ S0407 9 heads do not divide the text tower's width 640
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
        }
        ",
    );
}
