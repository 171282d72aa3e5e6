//! A reviewer's opinion beside the table's: the stricter of both holds, whatever either says.

use tollgate_policy::question::Risk;
use tollgate_policy::review::{Opinion, Review};
use tollgate_policy::verdict::Effect;

#[test]
fn a_reviewer_only_tightens() {
    let all = [Effect::Allow, Effect::Review, Effect::Ask, Effect::Deny];
    for table in all {
        for opinion in [
            Opinion::Verdict(Effect::Allow),
            Opinion::Verdict(Effect::Ask),
            Opinion::Verdict(Effect::Deny),
            Opinion::Failed("x".into()),
            Opinion::Open("x".into()),
            Opinion::Stop("x".into()),
        ] {
            let effective = Review::without("x", opinion.clone()).effective(table);
            assert!(effective >= table || (table == Effect::Review && effective >= Effect::Ask), "{opinion:?} {table}");
            assert_ne!(effective, Effect::Review);
            if table != Effect::Allow || opinion != Opinion::Verdict(Effect::Allow) {
                assert_ne!(effective, Effect::Allow, "{opinion:?} {table}");
            }
        }
    }
    let sure = Review { risk: Some(Risk::High), ..Review::without("x", Opinion::Verdict(Effect::Allow)) };
    assert_eq!(sure.effective(Effect::Allow), Effect::Ask);
}
