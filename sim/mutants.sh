#!/usr/bin/env bash
# Known bugs of the edge, put in one at a time, and the seeds that it takes to find each.
#
#   sim/mutants.sh                 all patches in tests/mutants/sim
#   sim/mutants.sh NAME...         these
#
# Each is applied to a copy of the tree, built with the simulator under it, and run until a seed fails. One JSON object a
# line, as of `cutover mutants`; exit 1 if one survives, or if something else than what it names found it.
# CUTOVER_SEEDS bounds the seeds (300), CUTOVER_COPY names a directory for the copy, which is kept,
# CUTOVER_TARGET one for the build, CUTOVER_PROFILE cargo's profile (mutant).
set -euo pipefail
# Half of the time to a verdict is the compiler's: what is built anew for each patch is not optimised.
export CARGO_INCREMENTAL=1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
seeds=${CUTOVER_SEEDS:-300}
copy=${CUTOVER_COPY:-$root/target/sim-mutants}
patches=$root/tests/mutants/sim
profile=${CUTOVER_PROFILE:-mutant}
target=${CUTOVER_TARGET:-$copy/target}
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_TARGET_DIR
mkdir -p "$copy/tree"

if [ $# -eq 0 ]; then
  for patch in "$patches"/*.patch; do set -- "$@" "$(basename "$patch" .patch)"; done
fi

# The tree as it is, committed or not. What is the same keeps its time, so that cargo builds what changed.
(cd "$root" && git ls-files -z --cached --others --exclude-standard) | while IFS= read -r -d '' file; do
  if [ -f "$root/$file" ] && ! cmp -s "$root/$file" "$copy/tree/$file"; then
    mkdir -p "$copy/tree/$(dirname "$file")"
    cp "$root/$file" "$copy/tree/$file"
  fi
done

field() { sed -n "s/^# $2: //p" "$patches/$1.patch"; }

survivors=0
for name in "$@"; do
  verdict=BROKEN by= ran=0
  named=$(field "$name" invariant)
  began=$(awk '{print $14 + $15 + $16 + $17}' /proc/$$/stat)
  if (cd "$copy/tree" && patch --quiet --forward -p1 <"$patches/$name.patch" >/dev/null) &&
    (cd "$copy/tree" && cargo build -p cutover-sim --profile "$profile" --target-dir "$target" \
      --config profile.$profile.package.cutover.opt-level=0 --config profile.$profile.package.cutover-sim.opt-level=0 \
      --config "target.'cfg(all())'.rustflags=['--cfg','madsim']" >"$copy/$name.build" 2>&1); then
    began=$(awk '{print $14 + $15 + $16 + $17}' /proc/$$/stat)
    "$target/$profile/cutover-sim" --seeds "$seeds" --jobs 1 --fail-fast --format json >"$copy/$name.json" \
      2>"$copy/$name.said" || true
    ran=$(grep -c '"type":"seed"' "$copy/$name.json" || true)
    by=$(grep '"type":"seed"' "$copy/$name.json" | tail -1 | sed -n 's/.*"invariant":"\([^"]*\)".*/\1/p')
    verdict=SURVIVED
    if [ -n "$by" ]; then verdict=KILLED; fi
  fi
  (cd "$copy/tree" && patch --quiet --reverse --force -p1 <"$patches/$name.patch" >/dev/null) || true
  now=$(awk '{print $14 + $15 + $16 + $17}' /proc/$$/stat)
  if [ "$verdict" != KILLED ] || [ "$by" != "$named" ]; then survivors=$((survivors + 1)); fi
  printf '{"type":"mutant","patch":"%s","engine":"sim","verdict":"%s","named":"%s","by":"%s","seeds":%s,"cpu_s":%s.%02d}\n' \
    "$name" "$verdict" "$named" "$by" "$ran" "$(((now - began) / 100))" "$(((now - began) % 100))"
done
[ "$survivors" -eq 0 ]
