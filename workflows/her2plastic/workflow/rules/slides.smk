# Slides: a job a slide, then all of them together.
# Expression of picked cells, and journals of reviewers.
OTHERS = [path for path in IMAGES.inputs[2:] if path not in IMAGES.files] if IMAGES else []


rule slide:
    input:
        lambda wildcards: SLIDES[SLIDE_NAMES[wildcards.slide]],
    output:
        directory(KEPT / "slides" / "{slide}"),
    params:
        name=lambda wildcards: SLIDE_NAMES[wildcards.slide],
        config=config["slides"],
        kept=KEPT,
        results=RESULTS / "slides",
        told=lambda wildcards: depends_on(
            IMAGES,
            "slide",
            row=SLIDE_ROWS[SLIDE_NAMES[wildcards.slide]],
            file=stamp_of(SLIDES[SLIDE_NAMES[wildcards.slide]]),
        ),
    log:
        LOGS / "slides" / "{slide}.log",
    benchmark:
        BENCHMARKS / "slides" / "{slide}.tsv"
    threads: config["slide_threads"]
    resources:
        attempt=lambda wildcards, attempt: attempt,
        mem_mb=lambda wildcards, threads, attempt: 1500 * (threads + 1) * 2 ** (attempt - 1),
        runtime=720,
    retries: 2
    shell:
        job(
            "slide --kept {params.kept:q} --output {params.results:q} --workers {threads} "
            "-- {params.config:q} {params.name:q}"
        )


rule slides:
    input:
        slides=expand(KEPT / "slides" / "{slide}", slide=SLIDE_NAMES),
        sheet=IMAGES.sheet_path if IMAGES else [],
        others=OTHERS,
    output:
        update(RESULTS / "slides" / "report.html"),
    params:
        config=config["slides"],
        kept=KEPT,
        results=RESULTS / "slides",
        told=lambda wildcards: depends_on(
            IMAGES, "slides", sheet=sha256(IMAGES.sheet_path), others=[stamp_of(path) for path in OTHERS]
        ),
    log:
        LOGS / "slides.log",
    benchmark:
        BENCHMARKS / "slides.tsv"
    threads: config["slide_threads"]
    resources:
        attempt=lambda wildcards, attempt: attempt,
        mem_mb=lambda wildcards, threads, attempt: 1500 * (threads + 1) * 2 ** (attempt - 1),
        runtime=720,
    retries: 1
    shell:
        job(
            "slides --kept {params.kept:q} --output {params.results:q} --workers {threads} "
            "-- {params.config:q}"
        )
