"""The code version: what a function is made of, read from syntax trees and from the objects that names stand for."""
