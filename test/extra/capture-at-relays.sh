#!/usr/bin/env bash
# What relays of workflow 3 can read: everything that passes both supernodes is captured and decrypted with their own
# session keys. Their REAR messages must be readable then, and of the workload's traffic nothing but TLS records.
#
# An extra check, not part of `npm test`: needs root, network namespaces and tshark (Debian: apt-get install tshark),
# which it installs where apt-get is. Takes no arguments; exit status 0 when all is as it should be.
set -euo pipefail

root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
tributary=("$root/node_modules/.bin/node" --disable-warning=ExperimentalWarning "$root/src/main.ts")
work="$(mktemp -d)"
tag="cap$$"
relays=(cs ps)
nodes=(consumer cs ps provider)

clean_up() {
  jobs -p | xargs -r kill 2>/dev/null || true
  wait 2>/dev/null || true
  for node in "${nodes[@]}"; do ip netns delete "$tag-$node" 2>/dev/null || true; done
  rm -rf -- "$work"
}
trap clean_up EXIT

command -v tshark >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends tshark
cd -- "$work"

# consumer 10.98.1.1 ── 10.98.1.2 cs 10.98.2.1 ── 10.98.2.2 ps 10.98.3.1 ── 10.98.3.2 provider
for node in "${nodes[@]}"; do
  ip netns add "$tag-$node"
  ip -n "$tag-$node" link set lo up
done
link() {
  ip link add "${tag}a" type veth peer name "${tag}b"
  ip link set "${tag}a" netns "$tag-$1" name "to-$2"
  ip link set "${tag}b" netns "$tag-$2" name "to-$1"
  ip -n "$tag-$1" addr add "$3.1/30" dev "to-$2"
  ip -n "$tag-$2" addr add "$3.2/30" dev "to-$1"
  ip -n "$tag-$1" link set "to-$2" up
  ip -n "$tag-$2" link set "to-$1" up
}
link consumer cs 10.98.1
link cs ps 10.98.2
link ps provider 10.98.3

for domain in buyers sellers; do "${tributary[@]}" domain init "$domain" --name "$domain.example" >/dev/null; done
init() {
  local name="$1" address="$2" domain="$3"
  shift 3
  "${tributary[@]}" init --dir "$name" --name "$name" --authority-dir "$domain" "$@" >/dev/null
  printf 'rear:\n  listen: 0.0.0.0:7443\n  advertise: %s:7443\nneighbours:\n  mdns: false\n' "$address" >>"$name/config.yaml"
}
init cs 10.98.2.1 buyers --role supernode --peer 10.98.2.2:7443
init ps 10.98.2.2 sellers --role supernode
init consumer 10.98.1.1 buyers --peer 10.98.1.2:7443 --capacity cpu=500m,memory=256Mi
init provider 10.98.3.2 sellers --peer 10.98.3.1:7443 --sell cpu=4,memory=4Gi --allow-workloads
authority() { grep -o 'did:key:[A-Za-z0-9]*' "$1/authority.json" | head -1; }
printf 'trustedAuthorities:\n  sellers.example: [%s]\n' "$(authority sellers)" >>cs/config.yaml
printf 'trustedAuthorities:\n  buyers.example: [%s]\n' "$(authority buyers)" >>ps/config.yaml

for relay in "${relays[@]}"; do
  ip netns exec "$tag-$relay" dumpcap -q -i any -w "$work/$relay.pcapng" 2>/dev/null &
done
# The first packet must not pass before the capture is on.
for relay in "${relays[@]}"; do until [ -s "$relay.pcapng" ]; do sleep 0.1; done; done
start() {
  ip netns exec "$tag-$1" env ${2:+NODE_OPTIONS="$2"} "${tributary[@]}" start --dir "$1" 2>"$1.log" &
  until [ -s "$1/run/endpoints.json" ]; do sleep 0.1; done
}
start ps "--tls-keylog=$work/ps.keys"
start cs "--tls-keylog=$work/cs.keys"
start provider
start consumer

at_consumer() { ip netns exec "$tag-consumer" "$@"; }
at_consumer "${tributary[@]}" --dir consumer apply -f "$root/examples/hello.yaml" --wait --timeout 120s >/dev/null 2>&1
url="$(at_consumer "${tributary[@]}" --dir consumer get intent hello -o json | grep -om1 'http://127[^"]*')"
page="$(at_consumer "$root/node_modules/.bin/node" -e "fetch('$url').then((r) => r.text()).then(console.log)")"
grep -q 'Hello from provider' <<<"$page" || { echo "no page through the relays: $page"; exit 1; }
sleep 1
pkill -INT -f "dumpcap .*$work" || true
sleep 1

failed=0
for relay in "${relays[@]}"; do
  for stream in $(tshark -r "$relay.pcapng" -T fields -e tcp.stream 2>/dev/null | sort -nu); do
    tshark -r "$relay.pcapng" -o "tls.keylog_file:$relay.keys" -d tcp.port==7443,tls -q -z "follow,tls,raw,$stream" \
      2>/dev/null | perl -ne 'print pack("H*", $1) if /^\s*([0-9a-f]+)$/' || true
  done >"$relay.decrypted"
  messages="$(grep -aoc '/api/v2/' "$relay.decrypted" || true)"
  pages="$(cat "$relay.pcapng" "$relay.decrypted" | grep -ac 'Hello from\|I am the pod' || true)"
  records="$(LC_ALL=C grep -aoP '\x17\x03\x03' "$relay.decrypted" | wc -l)"
  echo "$relay: $messages REAR messages read, $records records of the inner TLS seen, $pages lines of the workload's page"
  [ "$messages" -gt 0 ] && [ "$records" -gt 0 ] && [ "$pages" -eq 0 ] || failed=1
done
exit "$failed"
