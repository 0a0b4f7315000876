package io.ffrtmp.governance.examples;

import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Moved.NotMoved;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command line {@code ffrtmp}. It speaks UTF-8 in every locale, and says everything of its own
 * on standard error, behind {@code ffrtmp: }; standard output is the workload's, or what was asked
 * for.
 */
@Command(
    name = "ffrtmp",
    description = "Runs and adopts workloads inside limits, without ever owning them.",
    subcommands = {
      RunCommand.class,
      AttachCommand.class,
      RecoverCommand.class,
      DoctorCommand.class
    },
    mixinStandardHelpOptions = true,
    versionProvider = Ffrtmp.Version.class)
public final class Ffrtmp {
  /** Wrong usage. */
  static final int USAGE = 2;

  /** Governance failed before the workload started. */
  static final int NOT_GOVERNED = 125;

  private Ffrtmp() {}

  /** Runs one command and ends this JVM with its status. */
  public static void main(String[] args) {
    PrintWriter err = utf8(FileDescriptor.err);
    List<String> arguments;
    try {
      arguments = RawArguments.read(args);
    } catch (IllegalArgumentException e) {
      say(err, String.valueOf(e.getMessage()));
      System.exit(USAGE);
      return;
    }
    try {
      System.exit(commandLine(err).execute(arguments.toArray(String[]::new)));
    } catch (OutOfMemoryError e) { // no thread can be had, or no memory
      say(err, String.valueOf(e.getMessage()));
      System.exit(NOT_GOVERNED);
    }
  }

  private static CommandLine commandLine(PrintWriter err) {
    return new CommandLine(new Ffrtmp())
        .setOut(utf8(FileDescriptor.out))
        .setErr(err)
        .setExpandAtFiles(false) // an @ in front of an argument is the workload's
        .setStopAtPositional(true) // options behind the command are the workload's
        .setParameterExceptionHandler(Ffrtmp::wrongUsage)
        .setExecutionExceptionHandler(
            (failure, command, parsed) -> {
              say(err, Optional.ofNullable(failure.getMessage()).orElse(failure.toString()));
              return NOT_GOVERNED;
            });
  }

  private static int wrongUsage(ParameterException wrong, String[] args) {
    CommandLine command = wrong.getCommandLine();
    say(command.getErr(), noSuchCommand(wrong).orElse(String.valueOf(wrong.getMessage())));
    say(command.getErr(), "see " + command.getCommandSpec().qualifiedName() + " --help");
    return USAGE;
  }

  private static Optional<String> noSuchCommand(ParameterException wrong) {
    Set<String> commands = wrong.getCommandLine().getSubcommands().keySet();
    return Optional.of(wrong)
        .filter(each -> !commands.isEmpty())
        .filter(UnmatchedArgumentException.class::isInstance)
        .map(each -> ((UnmatchedArgumentException) each).getUnmatched().get(0))
        .filter(word -> !word.startsWith("-"))
        .map(word -> "'" + word + "' is no command; there are " + String.join(", ", commands));
  }

  /** Tells the user something. */
  static void say(PrintWriter err, String message) {
    err.println("ffrtmp: " + message);
  }

  /** Tells how a release went; false if the process is not where it was before. */
  static boolean sayReleased(PrintWriter err, JobResult result) {
    long pid = result.pid().orElseThrow();
    String job = "job " + result.jobId();
    Optional<String> why =
        result.receipt().moved().stream()
            .flatMap(moved -> moved.notMoved().stream())
            .filter(each -> each.pid() == pid)
            .map(NotMoved::reason)
            .findFirst();
    if (result.workloadEnded()) {
      say(err, job + " has ended");
    } else {
      String how = why.map(it -> ", but not as it was before: " + it).orElse("");
      say(err, "released: " + job + " goes on as process " + pid + how);
    }
    return why.isEmpty();
  }

  /** Prints what was asked for, all of it. */
  static void print(PrintWriter out, String text) throws IOException {
    out.print(text);
    if (out.checkError()) {
      throw new IOException("standard output can't be written to");
    }
  }

  private static PrintWriter utf8(FileDescriptor descriptor) {
    return new PrintWriter(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
  }

  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Ffrtmp.class.getPackage().getImplementationVersion();
      return new String[] {"ffrtmp " + Optional.ofNullable(version).orElse("(unpackaged)")};
    }
  }
}
