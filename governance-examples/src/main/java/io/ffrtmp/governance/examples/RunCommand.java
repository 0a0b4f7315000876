package io.ffrtmp.governance.examples;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Workload;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Runs one workload inside limits and waits for its end. */
@Command(
    name = "run",
    description = "Runs a command inside limits and waits for its end. It goes on if we don't.",
    footer = {
      "%nExits with the command's status; 128+n if signal n ended it; 125 if it was",
      "not started; 126 if it is not executable, 127 if it is not found; 2 for wrong",
      "usage. SIGINT, SIGTERM and SIGHUP detach: the command goes on, and the status",
      "is 130, 143 or 129."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class RunCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--job-id",
      paramLabel = "ID",
      description = "The job's id; else one is generated.")
  private @Nullable String jobId;

  @Option(
      names = "--intent",
      paramLabel = "NAME",
      description = "What it is for; told in the result.")
  private @Nullable String intent;

  @Option(
      names = "--cpu-max",
      paramLabel = "\"QUOTA PERIOD\"",
      description = "At most QUOTA microseconds of CPU time in each PERIOD.")
  private @Nullable String cpuMax;

  @Option(
      names = "--cpus",
      paramLabel = "N",
      description = "At most so many CPUs' worth, as in 1.5.")
  private @Nullable Double cpus;

  @Option(
      names = "--cpu-weight",
      paramLabel = "N",
      description = "Share of CPU time under contention, 1 to 10000; usual is 100.")
  private @Nullable Integer cpuWeight;

  @Option(
      names = "--memory-max",
      paramLabel = "BYTES",
      description = "At most so much memory, as in 256M (K, M, G, T: powers of 1024).")
  private @Nullable String memoryMax;

  @Option(
      names = "--io-max",
      paramLabel = "\"DEVICE KEY=N…\"",
      description =
          "Rates on a block device, MAJ:MIN or a path on it; keys rbps, wbps, riops, wiops."
              + " Once for each device.")
  private List<String> ioMax = List.of();

  @Option(names = "--limits-required", description = "Don't start unless every limit is in force.")
  private boolean limitsRequired;

  @Option(names = "--workdir", paramLabel = "DIR", description = "Start it in this directory.")
  private @Nullable String workdir;

  @Option(names = "--env", paramLabel = "K=V", description = "Add or replace a variable.")
  private List<String> environment = List.of();

  @Option(names = "--stdin", paramLabel = "FILE", description = "Its input; else /dev/null.")
  private @Nullable String stdin;

  @Option(names = "--stdout", paramLabel = "FILE", description = "Append its output; else ours.")
  private @Nullable String stdout;

  @Option(names = "--stderr", paramLabel = "FILE", description = "Append its errors; else ours.")
  private @Nullable String stderr;

  @Option(
      names = "--result",
      paramLabel = "FILE",
      description = "Write the result as JSON; - is standard output.")
  private @Nullable String result;

  @Parameters(
      arity = "1..*",
      paramLabel = "COMMAND",
      description = "The command and its arguments.")
  private List<String> command = List.of();

  @Override
  public Integer call() throws IOException, InterruptedException {
    Optional<ResultFile> file = Optional.ofNullable(result).map(ResultFile::new);
    return new Foreground(spec.commandLine().getErr(), file).run(checkedWorkload());
  }

  private Workload checkedWorkload() {
    try {
      return workload();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private Workload workload() {
    Workload workload =
        launchersLocaleUndone(Workload.of(command))
            .limits(limits())
            .limitsRequired(limitsRequired)
            .stdout(output(stdout))
            .stderr(output(stderr));
    workload = jobId == null ? workload : workload.jobId(jobId);
    workload = intent == null ? workload : workload.intent(intent);
    workload = workdir == null ? workload : workload.directory(Path.of(workdir));
    workload = stdin == null ? workload : workload.stdin(Path.of(stdin));
    for (String pair : environment) {
      int equals = pair.indexOf('=');
      if (equals < 1) {
        throw new IllegalArgumentException("--env '" + pair + "' is not of the form NAME=VALUE");
      }
      workload = workload.environment(pair.substring(0, equals), pair.substring(equals + 1));
    }
    return workload;
  }

  /**
   * The launcher set LC_ALL for this JVM's sake, and tells what was there: nothing, or = and a
   * value.
   */
  private static Workload launchersLocaleUndone(Workload workload) {
    @Nullable String before = System.getProperty("ffrtmp.lc_all");
    if (before == null) {
      return workload; // not started by the launcher
    }
    return before.isEmpty()
        ? workload.environmentWithout("LC_ALL")
        : workload.environment("LC_ALL", before.substring(1));
  }

  /** Appending, because what a file held can't be brought back. */
  private static Stdio output(@Nullable String file) {
    return file == null ? Stdio.inherit() : Stdio.append(Path.of(file));
  }

  private Limits limits() {
    if (cpuMax != null && cpus != null) {
      throw new IllegalArgumentException("--cpu-max and --cpus say the same; give one of them");
    }
    Limits limits = Limits.NONE;
    limits = cpuMax == null ? limits : limits.cpuMax(CpuMax.parse(cpuMax));
    limits = cpus == null ? limits : limits.cpuMax(CpuMax.cores(cpus));
    limits = cpuWeight == null ? limits : limits.cpuWeight(cpuWeight);
    limits = memoryMax == null ? limits : limits.memoryMaxBytes(ByteSize.parse(memoryMax));
    for (String line : ioMax) {
      limits = limits.ioMax(IoMax.parse(line));
    }
    return limits;
  }
}
