# Slides: a job a slide, then all of them together.
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
        told=lambda wildcards: told(IMAGES),
    log:
        LOGS / "slides" / "{slide}.log",
    benchmark:
        BENCHMARKS / "slides" / "{slide}.tsv"
    threads: config["slide_threads"]
    resources:
        mem_mb=lambda wildcards, threads, attempt: 1500 * (threads + 1) * 2 ** (attempt - 1),
        runtime=720,
    retries: 2
    shell:
        "{HER2PLASTIC} slide {params.config:q} {params.name:q} --kept {params.kept:q} --output {params.results:q} "
        "--workers {threads} > {log:q} 2>&1"


rule slides:
    input:
        slides=expand(KEPT / "slides" / "{slide}", slide=SLIDE_NAMES),
        sheet=IMAGES.sheet_path if IMAGES else [],
        others=[path for path in IMAGES.inputs[2:] if path not in IMAGES.files] if IMAGES else [],
    output:
        update(RESULTS / "slides" / "report.html"),
    params:
        config=config["slides"],
        kept=KEPT,
        results=RESULTS / "slides",
        told=lambda wildcards: told(IMAGES, *sorted(type(IMAGES.config).model_fields)),
    log:
        LOGS / "slides.log",
    benchmark:
        BENCHMARKS / "slides.tsv"
    threads: config["slide_threads"]
    resources:
        mem_mb=lambda wildcards, threads, attempt: 1500 * (threads + 1) * 2 ** (attempt - 1),
        runtime=720,
    retries: 1
    shell:
        "{HER2PLASTIC} slides {params.config:q} --kept {params.kept:q} --output {params.results:q} "
        "--workers {threads} > {log:q} 2>&1"
