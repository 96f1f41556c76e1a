# Cells: a job a sample, then the cohort in three. Memory and time are from measured use, see config/README.md.
def told_sample(row):
    """Return what a sample's job depends on."""
    facts = {"path": row.shown, "assay": row.assay, "cell_names": row.patterns, "file": stamp_of(row.path)}
    return depends_on(CELLS, "sample", **facts)


rule sample:
    input:
        lambda wildcards: SAMPLES[SAMPLE_NAMES[wildcards.sample]].path,
    output:
        directory(KEPT / "samples" / "{sample}"),
    params:
        name=lambda wildcards: SAMPLE_NAMES[wildcards.sample],
        config=config["cells"],
        kept=KEPT,
        told=lambda wildcards: told_sample(SAMPLES[SAMPLE_NAMES[wildcards.sample]]),
    log:
        LOGS / "samples" / "{sample}.log",
    benchmark:
        BENCHMARKS / "samples" / "{sample}.tsv"
    group:
        "samples"
    threads: 1
    resources:
        attempt=lambda wildcards, attempt: attempt,
        mem_mb=memory(1500, 60),
        runtime=30,
    retries: 2
    shell:
        job("sample --kept {params.kept:q} -- {params.config:q} {params.name:q}")


rule called:
    input:
        samples=expand(KEPT / "samples" / "{sample}", sample=SAMPLE_NAMES),
        sheet=CELLS.sheet_path if CELLS else [],
    output:
        directory(KEPT / "called"),
    params:
        config=config["cells"],
        kept=KEPT,
        told=lambda wildcards: depends_on(CELLS, "called", sheet=sha256(CELLS.sheet_path)),
    log:
        LOGS / "called.log",
    benchmark:
        BENCHMARKS / "called.tsv"
    threads: 1
    resources:
        attempt=lambda wildcards, attempt: attempt,
        mem_mb=memory(2000, 20),
        runtime=240,
    retries: 2
    shell:
        job("called --kept {params.kept:q} -- {params.config:q}")


rule transitions:
    input:
        rules.called.output,
    output:
        directory(KEPT / "transitions"),
    params:
        config=config["cells"],
        kept=KEPT,
        told=lambda wildcards: depends_on(CELLS, "transitions"),
    log:
        LOGS / "transitions.log",
    benchmark:
        BENCHMARKS / "transitions.tsv"
    threads: 1
    resources:
        attempt=lambda wildcards, attempt: attempt,
        mem_mb=memory(2000, 20),
        runtime=720,
    retries: 2
    shell:
        job("transitions --kept {params.kept:q} -- {params.config:q}")


rule report:
    input:
        rules.transitions.output,
        [path for _, path in CELLS.clinical.files] if CELLS else [],
    output:
        # not removed before the job begins: what is there stays until the new results are whole
        update(RESULTS / "cells" / "report.html"),
    params:
        config=config["cells"],
        kept=KEPT,
        results=RESULTS / "cells",
        told=lambda wildcards: depends_on(
            CELLS, "report", tables=[(role, stamp_of(path)) for role, path in CELLS.clinical.files]
        ),
    log:
        LOGS / "report.log",
    benchmark:
        BENCHMARKS / "report.tsv"
    threads: 1
    resources:
        attempt=lambda wildcards, attempt: attempt,
        mem_mb=memory(2000, 20),
        runtime=120,
    retries: 1
    shell:
        job("report --kept {params.kept:q} --output {params.results:q} -- {params.config:q}")
