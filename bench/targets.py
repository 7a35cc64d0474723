"""The targets of the project for mosaics, each with what was measured. Medians of paired runs; CPU seconds of one thread unless said."""
from dataclasses import dataclass


@dataclass
class Target:
    job: str
    stack: str
    unit: str
    target: float
    reached: float
    at_least: bool = True
    peer: str = ""
    floor: str = ""
    note: str = ""

    @property
    def met(self):
        if self.reached != self.reached:
            return "not measured"
        return "yes" if (self.reached >= self.target if self.at_least else self.reached <= self.target) else "no"


def floor_text(m, method):
    f = m.floors.get(method)
    if not f:
        return ""
    total = sum(f.values())
    return f"{m.stack.mpix / total:.0f} (read {f['read']:.2f} + arithmetic {f['arithmetic']:.2f} + write {f['write']:.2f} s)"


def peer_text(m, label):
    return f"{label} {m.rate(m.theirs[label]):.2g}" if label in m.theirs else ""


def speed_targets(measured):
    limits = {"spherex": (50, 30, 12), "irac": (25, 15, 12)}
    rows = []
    for m in measured:
        if m.stack.name not in limits:
            continue
        lanczos, area, drizzle = limits[m.stack.name]
        rate = lambda label: m.rate(m.ours.get(label))
        unit = "Mpix / CPU s"
        rows += [Target("Lanczos-3 coadd", m.stack.name, unit, lanczos, rate("Lanczos-3"), peer=peer_text(m, "SWarp Lanczos-3"), floor=floor_text(m, "lanczos3")),
                 Target("exact-overlap coadd", m.stack.name, unit, area, rate("exact overlap"), peer=peer_text(m, "Montage mProjectPP"), floor=floor_text(m, "area")),
                 Target("drizzle, pixfrac 0.8", m.stack.name, unit, drizzle, rate("drizzle, pixfrac 0.8"), peer=peer_text(m, "drizzle (Python package), pixfrac 0.8"), floor=floor_text(m, "drizzle")),
                 Target("drizzle, pixfrac 0.5", m.stack.name, unit, drizzle, rate("drizzle, pixfrac 0.5"))]
        plain = m.ours.get("exact overlap")
        if plain and "exact overlap, four schemes of rejection" in m.ours:
            rows.append(Target("radhit, temporal, dual and box rejection over the plain coadd", m.stack.name, "× CPU", 2.5, m.ours["exact overlap, four schemes of rejection"].cpu / plain.cpu, at_least=False))
        for label in ("exact overlap", "whole default job"):
            if label in m.ours and label + ", 2 threads" in m.ours:
                rows.append(Target(f"2 threads against 1, {label}", m.stack.name, "× wall", 1.85, m.ours[label].wall / m.ours[label + ", 2 threads"].wall))
    return rows


def matching_targets(m, rms, limit, montage):
    with_, without = m.ours.get("exact overlap, matched backgrounds"), m.ours.get("exact overlap")
    rows = []
    if with_ and without:
        rows.append(Target(f"background matching of {len(m.stack.images)} frames (coadd with it less coadd without)", m.stack.name, "CPU s", 1.0, with_.cpu - without.cpu, at_least=False,
                           peer=f"Montage {montage:.2g} s" if montage else "", note=f"`tessera overlap` as a whole, reading included: {m.ours['tessera overlap'].cpu:.2f} s" if "tessera overlap" in m.ours else ""))
    rows.append(Target("error of the offsets over the noise limit", m.stack.name, "×", 1.2, rms / limit, at_least=False, note=f"rms {rms:.3g}, limit {limit:.3g} MJy/sr (Cramér–Rao, every pixel used)"))
    return rows


def fidelity_targets(clean, noisy):
    """`clean`: kernel → (bias, scatter, stars); `noisy`: likewise, with cosmic rays left in."""
    rows = []
    if "exact overlap" in clean:
        b, s, n = clean["exact overlap"]
        rows += [Target("flux bias, noise-free, exact overlap", "fidelity", "%", 0.06, abs(b), at_least=False, note=f"{n} stars"),
                 Target("flux scatter, noise-free, exact overlap", "fidelity", "%", 0.18, s, at_least=False)]
    offered = {k: v for k, v in clean.items() if not k.startswith("SWarp") and v[0] == v[0]}
    if offered:
        best = min(offered, key=lambda k: max(abs(offered[k][0]) / 0.02, offered[k][1] / 0.03))
        b, s, _ = offered[best]
        rows += [Target(f"flux bias, noise-free, best kernel ({best})", "fidelity", "%", 0.02, abs(b), at_least=False),
                 Target(f"flux scatter, noise-free, best kernel ({best})", "fidelity", "%", 0.03, s, at_least=False)]
    if "tessera, hits left in" in noisy:
        b, s, n = noisy["tessera, hits left in"]
        flagged = noisy.get("tessera, hits flagged beforehand")
        rows.append(Target("flux scatter, bright half, cosmic rays left in", "fidelity", "%", 0.42, s, at_least=False, note=f"{n} stars; {flagged[1]:.2f} % where every hit was flagged beforehand" if flagged else f"{n} stars"))
    return rows


def table(rows):
    lines = ["| job | stack | target | reached | met | peer | floor | note |", "|---|---|---|---|---|---|---|---|"]
    for r in rows:
        sign = "≥" if r.at_least else "≤"
        lines.append(f"| {r.job} | {r.stack} | {sign} {r.target:g} {r.unit} | {r.reached:.3g} | {r.met} | {r.peer} | {r.floor} | {r.note} |")
    return lines
