package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;

/**
 * Another JVM of the same JDK with the tests' class path, to be ended in ways that ours would not
 * survive. It is told lines on its standard input and {@link #tell tells} lines on its standard
 * output; what else it prints is kept to explain a failure. Closing kills it, and only it.
 */
final class SecondJvm implements AutoCloseable {
  private static final Duration PATIENCE = LinuxHost.patience(60);
  private static final String MARK = "@ ";
  private static final String END = "the end of its output";

  private final Process process;
  private final BlockingQueue<String> told = new LinkedBlockingQueue<>();
  private final StringBuffer printed = new StringBuffer();

  private SecondJvm(Process process) {
    this.process = process;
    Thread reader = new Thread(this::read, "second-jvm-" + process.pid());
    reader.setDaemon(true);
    reader.start();
  }

  /** How a JVM is to be started. */
  static final class Launch {
    private final Class<?> main;
    private final List<String> arguments;
    private final List<String> before = new ArrayList<>();
    private final List<String> options = new ArrayList<>();

    private Launch(Class<?> main, List<String> arguments) {
      this.main = main;
      this.arguments = arguments;
    }

    /** By a command that executes the rest of its arguments in its own process, such as nohup. */
    Launch by(String... command) {
      before.addAll(List.of(command));
      return this;
    }

    /** With this system property. */
    Launch with(String property, String value) {
      return option("-D" + property + "=" + value);
    }

    /** With this option of the JVM; the last word on what it sets. */
    Launch option(String option) {
      options.add(option);
      return this;
    }

    /** As this user and group with no privilege left. */
    Launch as(int user) {
      return by(asUser(user).toArray(String[]::new));
    }

    SecondJvm start() throws IOException {
      List<String> command = new ArrayList<>();
      // No core dump of a JVM that is crashed on purpose.
      command.addAll(List.of("/bin/sh", "-c", "ulimit -c 0; exec \"$@\"", "sh"));
      command.addAll(before);
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.addAll(
          List.of(
              "-Xshare:auto",
              "-XX:TieredStopAtLevel=1",
              "-Xmx32m",
              "-XX:+UseSerialGC",
              "-XX:-UsePerfData",
              // Else a compiler's thread opens files of cgroups at any moment.
              "-XX:-UseContainerSupport",
              "-XX:+SuppressFatalErrorMessage",
              "-XX:ErrorFile=/dev/null",
              "--enable-native-access=ALL-UNNAMED",
              "-Dgovernance.test.slowness=" + LinuxHost.SLOWNESS,
              "-Djna.tmpdir=" + Classes.DIRECTORY.resolve("tmp")));
      command.addAll(options);
      command.addAll(List.of("-cp", Classes.PATH, main.getName()));
      command.addAll(arguments);
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      return new SecondJvm(builder.directory(Classes.DIRECTORY.toFile()).start());
    }

    /** Runs it to its end, which must be a good one. */
    void succeed() throws Exception {
      try (SecondJvm jvm = start()) {
        assertThat(jvm.awaitEnd()).as("exit of %s", jvm).isZero();
      }
    }
  }

  /** A JVM with this main class. */
  static Launch of(Class<?> main, Object... arguments) {
    return new Launch(main, Stream.of(arguments).map(Object::toString).toList());
  }

  /** The command by which root becomes another user; nothing for an ordinary user. */
  static List<String> asUser(int user) {
    if (!LinuxHost.root()) {
      return List.of();
    }
    LinuxHost.assumeProgram("setpriv");
    String id = Integer.toString(user);
    return List.of("setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--inh-caps=-all");
  }

  /** Within the second JVM: tells its parent a line. */
  static void tell(Object line) {
    System.out.println(MARK + line);
    System.out.flush();
  }

  /** Waits for the line that starts so, and gives the rest of it. Lines before it are dropped. */
  String hear(String start) throws InterruptedException {
    return hearOrEnd(start)
        .orElseThrow(() -> new AssertionError("no '" + start + "' before " + END + ": " + this));
  }

  /** As {@link #hear}; empty if its output ends before. */
  Optional<String> hearOrEnd(String start) throws InterruptedException {
    String line = "";
    while (line != null && !line.equals(END)) {
      line = told.poll(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
      if (line != null && line.startsWith(MARK + start)) {
        return Optional.of(line.substring(MARK.length() + start.length()).strip());
      }
    }
    told.add(END);
    return Optional.empty();
  }

  /** Writes a line to its standard input. */
  void say(String line) {
    try {
      process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
      process.getOutputStream().flush();
    } catch (IOException itHasEnded) {
      printed.append("(not heard: ").append(line).append(")\n");
    }
  }

  int pid() {
    return (int) process.pid();
  }

  /** The exit value; 128 and the signal if one ended it. */
  int awaitEnd() throws InterruptedException {
    assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS))
        .as("%s ends", this)
        .isTrue();
    return process.exitValue();
  }

  private void read() {
    try (var lines = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        printed.append(line).append('\n');
        if (line.startsWith(MARK)) {
          told.add(line);
        }
      }
    } catch (IOException closed) {
      printed.append(closed).append('\n');
    }
    told.add(END);
  }

  /** Ends it by SIGKILL, if it is alive, and waits until it is gone. */
  void kill() {
    process.destroyForcibly();
    process.onExit().join();
  }

  @Override
  public void close() {
    kill();
  }

  @Override
  public String toString() {
    return "JVM " + process.pid() + ", which printed:\n" + printed;
  }

  /**
   * The class path, copied to where every user can read it, directories as jars: a jar stays open,
   * so that classes are found also when there is no descriptor left.
   */
  private static final class Classes {
    static final Path DIRECTORY = directory();
    static final String PATH = copy();

    private static Path directory() {
      try {
        Path made = Files.createTempDirectory("second-jvm");
        Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path tmp = Files.createDirectory(made.resolve("tmp"));
        Files.setPosixFilePermissions(tmp, PosixFilePermissions.fromString("rwxrwxrwx"));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(made)));
        return made;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static String copy() {
      String ours = System.getProperty("java.class.path");
      String all = System.getProperty("surefire.test.class.path", ours);
      List<String> copied = new ArrayList<>();
      try {
        for (String element : all.split(File.pathSeparator)) {
          Path from = Path.of(element).toAbsolutePath();
          Path to = DIRECTORY.resolve(copied.size() + ".jar");
          if (element.isEmpty()) {
            continue; // the working directory, which holds no class of ours
          } else if (Files.isDirectory(from)) {
            ToolProvider jar = ToolProvider.findFirst("jar").orElseThrow();
            jar.run(System.out, System.err, "-c0Mf", to.toString(), "-C", from.toString(), ".");
          } else if (Files.exists(from)) {
            Files.copy(from, to);
          }
          to.toFile().setReadable(true, false);
          copied.add(to.toString());
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return String.join(File.pathSeparator, copied);
    }

    private static void delete(Path directory) {
      try (Stream<Path> files = Files.walk(directory)) {
        files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
      } catch (IOException | UncheckedIOException leftToTheHost) {
        System.out.println("left behind: " + directory);
      }
    }
  }
}
