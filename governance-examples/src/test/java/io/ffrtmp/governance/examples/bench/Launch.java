package io.ffrtmp.governance.examples.bench;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/**
 * A directory that anybody may read, with the class path as jars (a class-data archive takes no
 * directories) and the compiled yardstick; and the JVMs that are started from it.
 */
final class Launch implements AutoCloseable {
  private static final String PROPERTY = "benchmark.directory";
  private static final List<String> AS_NOBODY =
      List.of(
          "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--");

  private final Path directory;

  private Launch(Path directory) {
    this.directory = directory;
  }

  static Launch prepare() throws IOException, InterruptedException {
    Path directory = Files.createTempDirectory("governance-benchmark-");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    Coprocess.compile(directory);
    int count = 10;
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      Path source = Path.of(entry);
      Path target = directory.resolve(count++ + "-" + source.getFileName() + ".jar");
      if (Files.isDirectory(source)) {
        pack(source, target);
      } else if (Files.exists(source)) {
        Files.copy(source, target);
      }
    }
    return new Launch(directory);
  }

  private static void pack(Path source, Path target) throws IOException {
    try (OutputStream file = Files.newOutputStream(target);
        JarOutputStream jar = new JarOutputStream(file);
        Stream<Path> files = Files.walk(source)) {
      for (Path each : files.filter(Files::isRegularFile).sorted().toList()) {
        jar.putNextEntry(new JarEntry(source.relativize(each).toString()));
        Files.copy(each, jar);
        jar.closeEntry();
      }
    }
  }

  /** In a JVM that was started by {@link #run}. */
  static String directory() {
    return System.getProperty(PROPERTY);
  }

  /** A command that runs a class on this JVM's class path. */
  static List<String> java(List<String> options, Class<?> main, String... arguments) {
    return java(System.getProperty("java.class.path"), directory(), options, main, arguments);
  }

  private static List<String> java(
      String classPath,
      String directory,
      List<String> options,
      Class<?> main,
      String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("java.home") + "/bin/java");
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("-D" + PROPERTY + "=" + directory);
    command.add("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"); // not the job lines
    command.addAll(options);
    command.addAll(List.of("-cp", classPath, main.getName()));
    command.addAll(List.of(arguments));
    return command;
  }

  /** Runs the benchmark itself, in a plain environment: one that dash hands on. */
  int run(boolean asNobody, List<String> options, List<String> arguments, String first)
      throws IOException, InterruptedException {
    String classPath;
    try (Stream<Path> files = Files.list(directory)) {
      classPath =
          String.join(
              File.pathSeparator,
              files.map(Path::toString).filter(name -> name.endsWith(".jar")).sorted().toList());
    }
    List<String> command = new ArrayList<>(asNobody ? AS_NOBODY : List.of());
    command.addAll(java(classPath, directory.toString(), options, Benchmark.class, first));
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
    builder.redirectOutput(ProcessBuilder.Redirect.PIPE).redirectErrorStream(true);
    Map<String, String> environment = builder.environment();
    String launcher = environment.getOrDefault(CommandLineRow.VARIABLE, "");
    environment.clear();
    environment.putAll(Map.of("PATH", System.getenv("PATH"), "LANG", "C.UTF-8"));
    if (!launcher.isEmpty()) {
      environment.put(CommandLineRow.VARIABLE, launcher);
    }
    Process process = builder.start();
    process.getOutputStream().close();
    process.inputReader().lines().forEach(System.out::println);
    return process.waitFor();
  }

  @Override
  public void close() throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path each : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }
}
