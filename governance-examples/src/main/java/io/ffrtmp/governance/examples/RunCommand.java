package io.ffrtmp.governance.examples;

import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Workload;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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
      "is 130, 143 or 129. A JVM that can't start says so and exits with 1, the shell",
      "before it with 2."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class RunCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private AskOptions ask = new AskOptions();

  @Mixin private MetricsOptions metrics = new MetricsOptions();

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

  @Parameters(
      arity = "1..*",
      paramLabel = "COMMAND",
      description = "The command and its arguments.")
  private List<String> command = List.of();

  @Override
  public Integer call() throws IOException, InterruptedException {
    return new Foreground(spec.commandLine().getErr(), ask.result(), metrics)
        .run(checkedWorkload());
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
            .limits(ask.limits())
            .limitsRequired(ask.limitsRequired())
            .stdout(output(stdout))
            .stderr(output(stderr));
    workload = ask.jobId().map(workload::jobId).orElse(workload);
    workload = ask.intent().map(workload::intent).orElse(workload);
    workload = workdir == null ? workload : workload.directory(Path.of(workdir));
    workload = stdin == null ? workload : workload.stdin(Path.of(named(stdin)));
    for (@Nullable String each : Arrays.asList(stdin, stdout, stderr)) {
      if (each != null && ask.result().filter(it -> it.replaces(each)).isPresent()) {
        throw new IllegalArgumentException(
            "--result would replace '" + each + "'; name another file");
      }
    }
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
    return file == null ? Stdio.inherit() : Stdio.append(Path.of(named(file)));
  }

  private static String named(String file) {
    if (file.equals("-")) {
      throw new IllegalArgumentException("- stands for no file here; ./- is one of that name");
    }
    return file;
  }
}
